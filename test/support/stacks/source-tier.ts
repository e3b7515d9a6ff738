/** A tier with every kind of source, of what is there and of what is made. */
import { defineJob } from "@tendril/core/job";
import { defineTier } from "@tendril/core/tier";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;

const Order = defineJob({ type: "Order", input });
const Paid = defineJob({ type: "Paid", input });
const Picture = defineJob({ type: "Picture", input, queue: "pictures" });
const Click = defineJob({ type: "Click", input, queue: "clicks" });

/** What is there before the tier is deployed. */
export const there = {
  topic: "arn:aws:sns:eu-west-1:210987654321:Shop_orders",
  bus: "arn:aws:events:eu-west-1:123456789012:event-bus/shop",
  bucket: "arn:aws:s3:::our-old-pictures",
  stream: "arn:aws:kinesis:eu-west-1:123456789012:stream/Clicks",
} as const;

/** The stage that it is evaluated in: one as long as many. */
export const longStage = `feature-${"x".repeat(50)}`;

export const tier = defineTier({
  name: "sources",
  encryption: "kms",
  monitoring: { stages: [longStage] },
  queues: {
    jobs: {
      sources: [
        { from: "sns", job: Order, topic: "orders" },
        { from: "sns", job: Order, topic: there.topic, input: "text" },
        { from: "eventbridge", job: Paid, pattern: { "detail-type": ["Paid"] } },
        { from: "eventbridge", job: Paid, bus: "shop", pattern: { "detail-type": ["Paid late"] } },
        { from: "eventbridge", job: Order, bus: there.bus, pattern: { "detail-type": ["Order"] }, input: "event" },
      ],
    },
    pictures: {
      sources: [
        { from: "s3", job: Picture, bucket: "pictures", prefix: "in/" },
        { from: "s3", job: Picture, bucket: "pictures", events: ["s3:ObjectRemoved:*"] },
        { from: "s3", job: Picture, bucket: there.bucket, suffix: ".jpg" },
      ],
    },
    clicks: {
      sources: [
        { from: "kinesis", job: Click, stream: "clicks" },
        { from: "kinesis", job: Click, stream: there.stream },
      ],
    },
    bare: {},
  },
  jobs: [Order, Paid, Picture, Click],
});
