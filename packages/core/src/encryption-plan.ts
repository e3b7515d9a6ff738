import type { Report } from "./plan-values.ts";
import type { Tier } from "./tier.ts";

/** What encrypts messages; a word that says neither is reported, for it would mean less than was meant. */
export function planEncryption({ encryption = "sqs" }: Tier, report: Report): "sqs" | "kms" {
  if (encryption !== "sqs" && encryption !== "kms") {
    report({ where: "encryption", given: JSON.stringify(encryption), allowed: '"sqs" or "kms"' });
  }
  return encryption;
}
