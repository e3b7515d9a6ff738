/** Alarms on CloudWatch metrics that AWS publishes by itself, and the topic that they are told to. */
import { topicEncryption } from "./encryption.ts";
import { plan } from "./plan.ts";
import { stageName } from "./stage.ts";

/** Whether this stage has alarms and a dashboard. Not in `sst dev`: its functions stand still when nobody looks. */
export const monitored = plan.monitoring.stages.includes($app.stage) && !$dev;

/** Who subscribes to it is told of every alarm. Undefined in a stage that has none. */
export const topic = monitored ? makeTopic() : undefined;

/** An alarm: a sum, maximum or average over periods that reaches a threshold. */
export interface AlarmOptions {
  /** What is wrong, in a few words; it is the alarm's name after the app and the stage. */
  readonly title: string;
  /** What it means and what to do: it stands in the mail. */
  readonly description: string;
  readonly namespace: "AWS/SQS" | "AWS/Lambda" | "AWS/Scheduler" | "AWS/ApiGateway" | "AWS/RDS";
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, $util.Input<string>>>;
  readonly statistic: "Sum" | "Maximum" | "Average";
  readonly threshold: number;
  /** Default 60. */
  readonly periodSeconds?: number;
  /** Periods, all of them one after the other, that must reach it. Default 1. */
  readonly periods?: number;
}

/**
 * Makes an alarm. A metric without data is a good sign here: nothing has failed, nothing waits. Only going off is told:
 * AWS would count a new alarm's first data as good news.
 */
export function alarm(name: string, options: AlarmOptions): aws.cloudwatch.MetricAlarm | undefined {
  if (topic === undefined) return undefined;
  return new aws.cloudwatch.MetricAlarm(`${name}Alarm`, {
    name: `${$app.name}-${$app.stage}: ${options.title}`,
    alarmDescription: options.description,
    namespace: options.namespace,
    metricName: options.metric,
    dimensions: { ...options.dimensions },
    statistic: options.statistic,
    comparisonOperator: "GreaterThanOrEqualToThreshold",
    threshold: options.threshold,
    period: options.periodSeconds ?? 60,
    evaluationPeriods: options.periods ?? 1,
    treatMissingData: "notBreaching",
    alarmActions: [topic.arn],
  });
}

function makeTopic(): aws.sns.Topic {
  const made = new aws.sns.Topic("Alarms", { name: stageName("alarms").replace(".", "-"), ...topicEncryption });
  const { accountId } = aws.getCallerIdentityOutput();
  const { region } = aws.getRegionOutput();
  new aws.sns.TopicPolicy("AlarmsPolicy", {
    arn: made.arn,
    policy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "OwnAlarms",
          Effect: "Allow",
          Principal: { Service: "cloudwatch.amazonaws.com" },
          Action: "sns:Publish",
          Resource: made.arn,
          Condition: {
            StringEquals: { "aws:SourceAccount": accountId },
            ArnLike: { "aws:SourceArn": $interpolate`arn:aws:cloudwatch:${region}:${accountId}:alarm:*` },
          },
        },
        {
          Sid: "TlsOnly",
          Effect: "Deny",
          Principal: "*",
          Action: "sns:Publish",
          Resource: made.arn,
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ],
    }),
  });
  if (plan.monitoring.email !== undefined) {
    new aws.sns.TopicSubscription("AlarmsEmail", {
      topic: made.arn,
      protocol: "email",
      endpoint: plan.monitoring.email,
    });
  }
  return made;
}
