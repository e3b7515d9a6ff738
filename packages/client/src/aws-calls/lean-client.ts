import type { RDSDataClient } from "@aws-sdk/client-rds-data";
import type { SQSClient } from "@aws-sdk/client-sqs";
import { createRequestHandler, type RequestHandlerOptions } from "./request-handler.ts";
import { createRequestSigner, isPlain } from "./request-signer.ts";

/**
 * Makes the calls of a client of SQS or of the RDS Data API cheap, and gives it back: the same client with the same commands,
 * errors, retries, credentials, endpoints and signals, for about six tenths of the
 * processor time (`npm run bench -- sdk-call`).
 * What is replaced is what the SDK lets be replaced; what a client was given as `requestHandler` is replaced too.
 *
 * - `requestHandler`: see `createRequestHandler`.
 * - `signer`: the SDK makes a signer for each call, and hands Node its key as bytes. What this one does not sign, the SDK's does.
 * - The user agent is put together once, not for each call; it no longer says which features a call has used.
 * - The configuration is copied: the SDK copies it three times for each call, and its own, made of many assignments, is a
 *   table that V8 copies twenty times slower than the copy.
 * - The middleware of the log, which says nothing without a logger, and of the length, which the handler writes, is removed.
 */
export function leanClient<Client extends RDSDataClient | SQSClient>(
  client: Client,
  options: RequestHandlerOptions = {},
): Client {
  // Seen as one of them: what is set here is the same in both.
  const { config, middlewareStack }: Pick<RDSDataClient, "config" | "middlewareStack"> = client as RDSDataClient;
  config.requestHandler.destroy?.();
  config.requestHandler = createRequestHandler(options);
  config.signer = leanSigner(config);
  middlewareStack.remove("contentLengthMiddleware");
  if (config.logger.constructor.name === "NoOpLogger") middlewareStack.remove("loggerMiddleware");
  let userAgent: string | undefined;
  middlewareStack.add(
    (next) => async (args) => {
      userAgent ??= await userAgentOf(config);
      const headers: unknown = Reflect.get(Object(args.request), "headers");
      Reflect.set(Object(headers), "user-agent", userAgent);
      return next(args);
    },
    { name: "getUserAgentMiddleware", step: "build", priority: "low", override: true },
  );
  return Object.assign(client, { config: { ...config } });
}

type Config = RDSDataClient["config"];

function leanSigner(config: Config): Config["signer"] {
  const { signer: others, region } = config;
  const sign = createRequestSigner();
  const service = config.defaultSigningName;
  return async (scheme) => ({
    async sign(request, options = {}) {
      if (!isPlain(request)) return (await others(scheme)).sign(request, options);
      const { signingDate = Date.now(), signingRegion = await region(), signingService = service } = options;
      sign(request, await config.credentials(), {
        signedAt: new Date(signingDate),
        region: signingRegion,
        service: signingService,
      });
      return request;
    },
  });
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html */
async function userAgentOf(config: Config): Promise<string> {
  const appId = await config.userAgentAppId();
  const sections = [...(await config.defaultUserAgentProvider()), ...(config.customUserAgent ?? [])];
  if (appId) sections.push(["app", appId]);
  return sections
    .map(([name, version = ""]) => {
      const words = name.startsWith("api/") ? nameWord(name).toLowerCase() : nameWord(name);
      if (version === "") return words;
      return `${words}${name.includes("/") ? "#" : "/"}${version.replaceAll(/[^!#$%&'*+\-.^_`|~\w]/g, "-")}`;
    })
    .join(" ");
}

const nameWord = (name: string): string => name.replaceAll(/[^!$%&'*+\-.^_`|~\w/]/g, "-");
