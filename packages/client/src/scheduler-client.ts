/** What is needed of EventBridge Scheduler's SDK client, in a file of its own: it is loaded when the first job needs it. */
export { CreateScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
