import { expect, test } from "vitest";
import { startTestDataApi } from "./test-data-api.ts";

const api = startTestDataApi();

/** Calls ExecuteStatement as bytes: the JavaScript SDK's own JSON would lose the digits. */
async function execute(sql: string, more: string = ""): Promise<string> {
  const endpoint = await api.client().config.endpoint?.();
  const url = `http://${endpoint?.hostname}:${endpoint?.port}/Execute`;
  const body = `{"resourceArn":"r","secretArn":"s","sql":${JSON.stringify(sql)}${more}}`;
  const response = await fetch(url, { method: "POST", body });
  return await response.text();
}

const withLong = (digits: string): string => `,"parameters":[{"name":"p","value":{"longValue":${digits}}}]`;

test.each(["9223372036854775807", "-9223372036854775808", "9007199254740993", "-9007199254740992", "42"])(
  "a bigint of %s goes out and comes in with all of its digits",
  async (digits) => {
    expect(await execute(`select '${digits}'::bigint`)).toContain(`"records":[[{"longValue":${digits}}]]`);
    const found = await execute("select :p, (:p)::text", withLong(digits));
    expect(found).toContain(`"records":[[{"longValue":${digits}},{"stringValue":"${digits}"}]]`);
  },
);

test("a list of bigints goes out with all of their digits, and its nulls", async () => {
  const sql = "select array[9223372036854775807, null, 1]::bigint[]";
  expect(await execute(sql)).toContain('{"arrayValue":{"longValues":[9223372036854775807,null,1]}}');
});

test("a long integer in a string, and a fraction, stay what they are", async () => {
  const sql = "select '{\"longValue\": 9223372036854775807}', :p";
  const parameters = ',"parameters":[{"name":"p","value":{"doubleValue":0.12345678901234568}}]';
  expect(await execute(sql, parameters)).toContain(
    '[[{"stringValue":"{\\"longValue\\": 9223372036854775807}"},{"doubleValue":0.12345678901234568}]]',
  );
});

test("a long of more than 64 bits is refused by the database, digits and all", async () => {
  const found = await execute("select :p", withLong("9223372036854775808"));
  expect(found).toContain('value \\"9223372036854775808\\" is out of range for type bigint');
});

test("a numeric is a long when it fits one, and a double when not", async () => {
  const options = ',"resultSetOptions":{"decimalReturnType":"DOUBLE_OR_LONG"}';
  const sql = "select 9223372036854775807::numeric, 9223372036854775808::numeric, 1.5::numeric";
  expect(await execute(sql, options)).toContain(
    '[[{"longValue":9223372036854775807},{"doubleValue":9223372036854776000},{"doubleValue":1.5}]]',
  );
});
