/** Middy as the worker has it: its room keeps it in a folder of its own. */
export { default as middy } from "../../packages/worker/node_modules/@middy/core/index.js";
