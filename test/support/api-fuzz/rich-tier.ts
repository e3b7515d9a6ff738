/** Job types with inputs of every kind that a schema can have, for what is made from them. */
import { defineJob } from "@tendril/core/job";
import * as v from "valibot";
import * as z from "zod";

const Tree = z.object({
  name: z.string().max(20),
  get children() {
    return z.array(Tree).max(5);
  },
});

const address = z.object({ street: z.string(), city: z.string().optional() }).meta({ id: "Address/Postal" });

/** Job types whose JSON Schema says exactly what they take. */
export const exactJobs = [
  defineJob({ type: "TextJob", input: z.string().max(1000) }),
  defineJob({ type: "TreeJob", input: Tree, queue: "ordered" }),
  defineJob({ type: "TwoTreesJob", input: z.object({ left: Tree, right: Tree.optional() }) }),
  defineJob({
    type: "OrderJob",
    input: z
      .strictObject({
        order: z.uuid(),
        amount: z.int().min(1).max(1_000_000),
        weight: z.number().nonnegative().optional(),
        tags: z.array(z.enum(["gift", "express", "enum", "$ref"])).max(3),
        address,
        "a/b~c<d>": z.boolean().nullable(),
        note: z
          .string()
          .meta({ description: "</style><script>alert(1)</script>", examples: ['`it\'s` "here" & <there>'] }),
      })
      .describe("An order, with what comes with it."),
  }),
  defineJob({
    type: "shape-job",
    input: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("circle"), radius: z.number().positive() }),
      z.object({ kind: z.literal("box"), sides: z.tuple([z.number(), z.number()]) }),
    ]),
  }),
  defineJob({ type: "shape_job", input: z.union([z.string(), z.int(), z.null(), z.array(z.boolean())]) }),
  defineJob({ type: "CountsJob", input: z.record(z.string().regex(/^[a-z]{1,5}$/), z.int()) }),
  defineJob({ type: "NoneJob", input: z.never() }),
] as const;

/** Job types that a JSON Schema describes in part, or not at all. */
export const looseJobs = [
  defineJob({ type: "AnythingJob", input: z.unknown(), effects: "at-least-once" }),
  defineJob({ type: "MaybeJob", input: z.string().optional() }),
  defineJob({ type: "DateJob", input: z.object({ at: z.coerce.date(), exact: z.iso.datetime(), text: z.string() }) }),
  defineJob({ type: "MapJob", input: z.map(z.string(), z.bigint()) }),
  defineJob({
    type: "TransformJob",
    input: z
      .string()
      .transform((text) => text.length)
      .pipe(z.number().max(5)),
  }),
  defineJob({ type: "ValibotJob", input: v.object({ name: v.string() }) }),
  defineJob({
    type: "AsyncJob",
    input: { "~standard": { version: 1, vendor: "by hand", validate: async (value: unknown) => ({ value }) } },
  }),
  defineJob({
    type: "ThrowingJob",
    input: {
      "~standard": {
        version: 1,
        vendor: "by hand",
        validate: () => {
          throw new Error("a schema with a fault");
        },
        ...{
          jsonSchema: {
            input: () => {
              throw new Error("a converter with a fault");
            },
          },
        },
      },
    },
  }),
] as const;

/** The queues of these job types. */
export const richQueues = [
  { name: "jobs", fifo: false },
  { name: "ordered", fifo: true },
] as const;
