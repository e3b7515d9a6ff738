/**
 * What AWS asks for, in one place: list prices on demand, in US dollars, without the free tier (which is the account's,
 * not the tier's) and without taxes.
 *
 * `source` is AWS's own page, where today's price stands: it was not read itself. `seen` is the public page that was, and
 * when that was written, as far as it says. A price without `seen` is from memory: check it before you rely on it.
 */

/** When and for which region the prices were gathered. */
export const pricesGathered = { on: "2026-11-21", region: "us-east-1" } as const;

/** A price: `usd` dollars for `per` of `unit`. */
export interface Price {
  readonly usd: number;
  readonly per: number;
  readonly unit: string;
  /** AWS's page. */
  readonly source: string;
  /** The public page that it was read in, and its year and month. */
  readonly seen?: string;
}

const million = 1_000_000;
const cloudWatch = "https://aws.amazon.com/cloudwatch/pricing/";
const aurora = "https://aws.amazon.com/rds/aurora/pricing/";
const lambda = "https://aws.amazon.com/lambda/pricing/";
const s3 = "https://aws.amazon.com/s3/pricing/";
const sqs = "https://aws.amazon.com/sqs/pricing/";
const ec2 = "https://aws.amazon.com/ec2/pricing/on-demand/";
const rds = "https://aws.amazon.com/rds/postgresql/pricing/";

/** Prices by name. */
export const prices = {
  lambdaRequests: {
    usd: 0.2,
    per: million,
    unit: "requests",
    source: lambda,
    seen: "cloudchipr.com/blog/aws-lambda-pricing, 2024",
  },
  /** arm64, the first 7.5 billion a month. */
  lambdaGbSeconds: {
    usd: 0.0000133334,
    per: 1,
    unit: "GB-seconds",
    source: lambda,
    seen: "cloudchipr.com/blog/aws-lambda-pricing, 2024",
  },
  /** Each 64 KB of a request is one. */
  sqsRequests: {
    usd: 0.4,
    per: million,
    unit: "requests",
    source: sqs,
    seen: "cloudburn.io/blog/amazon-sqs-pricing, 2026-03",
  },
  sqsFifoRequests: {
    usd: 0.5,
    per: million,
    unit: "requests",
    source: sqs,
    seen: "cloudburn.io/blog/amazon-sqs-pricing, 2026-03",
  },
  /** HTTP API; each 512 KB of a request is one. */
  apiRequests: {
    usd: 1,
    per: million,
    unit: "requests",
    source: "https://aws.amazon.com/api-gateway/pricing/",
    seen: "awsforengineers.com/blog/aws-api-gateway-pricing-explained, 2025-05",
  },
  scheduleRuns: {
    usd: 1,
    per: million,
    unit: "runs",
    source: "https://aws.amazon.com/eventbridge/pricing/",
    seen: "cloudburn.io/blog/amazon-eventbridge-pricing, 2026-03",
  },
  /** Beside the database; the first billion. That each 32 KB of a call is one, sent or received, is from memory. */
  dataApiCalls: {
    usd: 0.35,
    per: million,
    unit: "calls",
    source: aurora,
    seen: "sst 4.17.1, its documentation of Aurora's dataApi",
  },
  /** DynamoDB on demand, an item of up to 1 KB: what an idempotency table is written for. No tier of ours has one. */
  dynamoWrites: {
    usd: 0.625,
    per: million,
    unit: "writes",
    source: "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    seen: "airbyte.com/data-engineering-resources/dynamodb-pricing",
  },
  acuHours: {
    usd: 0.12,
    per: 1,
    unit: "ACU-hours",
    source: aurora,
    seen: "github.com/aws/agent-toolkit-for-aws, acu_calculator.py, 2026-03",
  },
  /** Aurora Standard. */
  auroraStorage: {
    usd: 0.1,
    per: 1,
    unit: "GB-months",
    source: aurora,
    seen: "github.com/aws/agent-toolkit-for-aws, acu_calculator.py, 2026-03",
  },
  auroraIo: {
    usd: 0.2,
    per: million,
    unit: "requests",
    source: aurora,
    seen: "github.com/aws/agent-toolkit-for-aws, io_optimized_analyzer.py, 2026",
  },
  logsIngested: {
    usd: 0.5,
    per: 1,
    unit: "GB",
    source: cloudWatch,
    seen: "factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards, 2026-06",
  },
  logsStored: { usd: 0.03, per: 1, unit: "GB-months", source: cloudWatch },
  /** Custom metrics, the first 10,000. */
  metrics: {
    usd: 0.3,
    per: 1,
    unit: "metrics",
    source: cloudWatch,
    seen: "signoz.io/guides/cloudwatch-pricing, 2026-02",
  },
  /** Standard resolution. */
  alarms: {
    usd: 0.1,
    per: 1,
    unit: "alarms",
    source: cloudWatch,
    seen: "002-workshop-application-performance-monitoring.huyanh.click/5-optimization",
  },
  dashboards: {
    usd: 3,
    per: 1,
    unit: "dashboards",
    source: cloudWatch,
    seen: "factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards, 2026-06",
  },
  traces: {
    usd: 5,
    per: million,
    unit: "traces",
    source: "https://aws.amazon.com/xray/pricing/",
    seen: "awsnegotiations.com/x-ray-pricing-strategy.html",
  },
  secrets: {
    usd: 0.4,
    per: 1,
    unit: "secrets",
    source: "https://aws.amazon.com/secrets-manager/pricing/",
    seen: "hivebook.wiki/wiki/aws-secrets-manager-rotated-secrets-dynamic-db-credentials-kms",
  },
  /** The first 25, for a zone that lives for more than 12 hours. */
  hostedZones: { usd: 0.5, per: 1, unit: "zones", source: "https://aws.amazon.com/route53/pricing/" },
  /** On demand; what is put in and read is paid for beside it. */
  streamHours: { usd: 0.04, per: 1, unit: "hours", source: "https://aws.amazon.com/kinesis/data-streams/pricing/" },
  /** PUT, COPY, POST and LIST. */
  s3Writes: { usd: 5, per: million, unit: "requests", source: s3, seen: "devnotes.tech/understanding-aws-s3-pricing" },
  s3Reads: { usd: 0.4, per: million, unit: "requests", source: s3, seen: "devnotes.tech/understanding-aws-s3-pricing" },
  s3Storage: { usd: 0.023, per: 1, unit: "GB-months", source: s3, seen: "devnotes.tech/understanding-aws-s3-pricing" },
  keys: {
    usd: 1,
    per: 1,
    unit: "keys",
    source: "https://aws.amazon.com/kms/pricing/",
    seen: "factualminds.com/blog/aws-kms-pricing-keys-requests-multi-region, 2026-06",
  },
  keyRequests: {
    usd: 0.03,
    per: 10_000,
    unit: "requests",
    source: "https://aws.amazon.com/kms/pricing/",
    seen: "factualminds.com/blog/aws-kms-pricing-keys-requests-multi-region, 2026-06",
  },
  t4gSmallHours: {
    usd: 0.0168,
    per: 1,
    unit: "hours",
    source: ec2,
    seen: "several public price tables, one of them from the AWS Price List API, 2026-09",
  },
  t3SmallHours: {
    usd: 0.0208,
    per: 1,
    unit: "hours",
    source: ec2,
    seen: "several public price tables, one of them from the AWS Price List API, 2026-09",
  },
  /** gp3, with its 3,000 operations a second. */
  ebsStorage: {
    usd: 0.08,
    per: 1,
    unit: "GB-months",
    source: "https://aws.amazon.com/ebs/pricing/",
    seen: "menuvis1-blip.github.io/autonomous-researcher/aws/architecture/storage, 2026-02",
  },
  publicAddressHours: {
    usd: 0.005,
    per: 1,
    unit: "hours",
    source: "https://aws.amazon.com/vpc/pricing/",
    seen: "doit.com/aws-public-ipv4-price-increase-the-complete-guide, 2024",
  },
  /** db.t4g.micro, PostgreSQL, one availability zone. */
  rdsMicroHours: {
    usd: 0.016,
    per: 1,
    unit: "hours",
    source: rds,
    seen: "infratally.com/articles/aws-rds-pricing-explained-2026.html, 2026",
  },
  /** gp3, one availability zone. */
  rdsStorage: {
    usd: 0.115,
    per: 1,
    unit: "GB-months",
    source: rds,
    seen: "usage.ai/blogs/aws/reserved-instances/rds/pricing-calculator, 2026-06",
  },
} as const satisfies Readonly<Record<string, Price>>;

/** The name of a price. */
export type PriceName = keyof typeof prices;

/** The price of a name. */
export function priceOf(name: PriceName): Price {
  return prices[name];
}
