/** What AWS would answer, as far as the stacks and SST's components look at it. */

interface AwsAccount {
  readonly region: string;
  readonly account: string;
}

type Properties = Readonly<Record<string, unknown>>;

/** The master password that the database is given: nothing else may hold it. */
export const givenPassword = "the-password-that-no-function-may-see";

/** A new resource's id and outputs. ARNs are of logical names: physical ones end in random letters. */
export function answerResource(
  { type, name, inputs, id }: { type: string; name: string; inputs: Properties; id?: string },
  aws: AwsAccount,
): { id: string; state: Properties } {
  const outputs = outputsOf(type, name, inputs, aws);
  const fallback = typeof outputs.url === "string" ? outputs.url : `${inputs.name ?? name}-id`;
  const physical = inputs.clusterIdentifier ?? inputs.identifier; // a database's id is its name
  return { id: id || (typeof physical === "string" ? physical : fallback), state: { ...inputs, ...outputs } };
}

function outputsOf(type: string, name: string, inputs: Properties, { region, account }: AwsAccount): Properties {
  const arn = (service: string, rest: string): string => `arn:aws:${service}:${region}:${account}:${rest}`;
  switch (type) {
    case "aws:sqs/queue:Queue":
      return { arn: arn("sqs", name), url: `https://sqs.${region}.amazonaws.com/${account}/${name}` };
    case "aws:lambda/function:Function":
      return { arn: arn("lambda", `function:${name}`), version: "1", lastModified: "2026-01-01T00:00:00Z" };
    case "aws:lambda/eventSourceMapping:EventSourceMapping":
      return { arn: arn("lambda", `event-source-mapping:${name}`), uuid: `${name}-uuid` };
    case "aws:iam/role:Role":
      return { arn: `arn:aws:iam::${account}:role/${name}`, name: inputs.name ?? name };
    case "aws:scheduler/scheduleGroup:ScheduleGroup":
      return { arn: arn("scheduler", `schedule-group/${inputs.name}`) };
    case "aws:rds/cluster:Cluster":
      return {
        arn: arn("rds", `cluster:${name}`),
        endpoint: `${name}.cluster.test`,
        readerEndpoint: `${name}.ro.test`,
      };
    case "aws:rds/clusterInstance:ClusterInstance":
      return { port: 5432 };
    case "aws:apigatewayv2/api:Api":
      return {
        arn: arn("apigateway", `/apis/${name}`),
        executionArn: arn("execute-api", name),
        apiEndpoint: `https://${name.toLowerCase()}.execute-api.${region}.amazonaws.com`,
      };
    case "random:index/randomBytes:RandomBytes":
      return { base64: Buffer.alloc(Number(inputs.length), 7).toString("base64") };
    case "random:index/randomPassword:RandomPassword":
      return { result: givenPassword };
    default:
      return awsDefaults(type, name, inputs, arn);
  }
}

function awsDefaults(
  type: string,
  name: string,
  inputs: Properties,
  arn: (service: string, rest: string) => string,
): Properties {
  const [provider, module = ""] = type.split(":");
  return provider === "aws" ? { arn: arn(module.split("/")[0] ?? "", name), name: inputs.name ?? name } : {};
}

/** A data source's answer. Error: for one that is not known here. */
export function answerCall({ token, inputs }: { token: string; inputs: Properties }, aws: AwsAccount): Properties {
  switch (token) {
    case "aws:index/getRegion:getRegion":
      return { region: aws.region, id: aws.region };
    case "aws:index/getPartition:getPartition":
      return { partition: "aws", dnsSuffix: "amazonaws.com" };
    case "aws:index/getCallerIdentity:getCallerIdentity":
      return { accountId: aws.account, arn: `arn:aws:iam::${aws.account}:user/test`, userId: "test" };
    case "aws:index/getAvailabilityZones:getAvailabilityZones":
      return { names: ["a", "b", "c"].map((zone) => aws.region + zone) };
    case "aws:iam/getPolicyDocument:getPolicyDocument":
      return policyDocument(inputs);
    default: {
      const message = `aws-answers.ts has no answer to ${token}`;
      throw Object.assign(new Error(message), { details: message }); // Pulumi shows the details only
    }
  }
}

interface Statement {
  readonly effect?: string;
  readonly actions?: readonly string[];
  readonly resources?: readonly string[];
  readonly principals?: readonly { readonly type: string; readonly identifiers: readonly string[] }[];
  readonly conditions?: readonly {
    readonly test: string;
    readonly variable: string;
    readonly values: readonly string[];
  }[];
}

/** The provider leaves an empty list of statements out, and SST's functions look for that. */
function policyDocument(inputs: Properties): Properties {
  const { statements: given, ...rest } = inputs;
  const statements = Array.isArray(given) ? (given as Statement[]) : [];
  const json = JSON.stringify({ Version: "2012-10-17", Statement: statements.map(policyStatement) });
  return { ...rest, ...(statements.length > 0 && { statements }), json };
}

function policyStatement({ effect, actions, resources, principals, conditions }: Statement): object {
  return {
    Effect: effect ?? "Allow",
    Action: actions,
    ...(resources && { Resource: resources }),
    ...(principals && { Principal: Object.fromEntries(principals.map((each) => [each.type, each.identifiers])) }),
    ...(conditions?.length && {
      Condition: Object.fromEntries(conditions.map((each) => [each.test, { [each.variable]: each.values }])),
    }),
  };
}
