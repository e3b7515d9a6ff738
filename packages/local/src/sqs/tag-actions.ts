import type { SqsHandlers } from "./handlers.ts";
import type { Queues } from "./queues.ts";

/** TagQueue, UntagQueue and ListQueueTags. */
export function tagActions(queues: Queues): Pick<SqsHandlers, "TagQueue" | "UntagQueue" | "ListQueueTags"> {
  return {
    async TagQueue({ QueueUrl, Tags }) {
      await queues.commit({ kind: "tags", queue: queues.byUrl(QueueUrl).name, set: Tags, removed: [] });
      return {};
    },
    async UntagQueue({ QueueUrl, TagKeys }) {
      await queues.commit({ kind: "tags", queue: queues.byUrl(QueueUrl).name, set: {}, removed: TagKeys });
      return {};
    },
    ListQueueTags({ QueueUrl }) {
      const { tags } = queues.byUrl(QueueUrl).state;
      return { Tags: Object.keys(tags).length > 0 ? { ...tags } : undefined };
    },
  };
}
