import type { Random } from "../random.ts";

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { a: value };
  return value;
};

/** Makes a value of any type: the numbers and texts that break things. */
function hostile(random: Random): unknown {
  return random.chance(0.7) ? random.pick(simple) : random.pick(compound)();
}

const simple: readonly [unknown, ...unknown[]] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  "",
  " ",
  "0",
  "NaN",
  "-Infinity",
  "\u0000",
  "\ud800",
  "\ufffe\uffff",
  "ünïcödé 漢字 🦑",
  "x".repeat(300),
  "x".repeat(70_000),
  "../../etc/passwd",
  "%ff%00",
  "'; drop table kept; --",
  ":a :b ::text $1 $$ /* ' \" ",
  "arn:aws:sqs:us-east-1:000000000000:nowhere",
  "arn:aws:sqs:eu-west-1:999999999999:elsewhere",
  "http://127.0.0.1:1/000000000000/nowhere",
  "rate(0 minutes)",
  "cron(0 0 31 2 ? *)",
  "at(9999-12-31T23:59:59)",
  "{",
];

const compound: readonly [() => unknown, ...(() => unknown)[]] = [
  () => [],
  () => [[]],
  () => [null],
  () => ({}),
  () => ({ a: null }),
  () => ({ length: -1 }),
  () => JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {}}}'),
  () => Array.from({ length: 2000 }, (_, index) => index),
  () => Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, "v"])),
  () => deep(40),
  () => deep(3000),
];

/** Changes a value in up to three places: something is missing, added, of another type, out of range or doubled. */
export function mutate(value: unknown, random: Random): unknown {
  let result = structuredClone(value);
  for (let count = random.between(1, 3); count > 0; count--) result = mutateOnce(result, random);
  return result;
}

function mutateOnce(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random.chance(0.08)) return hostile(random);
  const keys = Object.keys(value);
  const key = keys[random.between(0, Math.max(0, keys.length - 1))];
  if (key === undefined || random.chance(0.08)) {
    Reflect.set(value, Array.isArray(value) ? value.length : random.pick(["extra", "", "__proto__"]), hostile(random));
    return value;
  }
  if (random.chance(0.15)) {
    if (Array.isArray(value)) value.splice(Number(key), 1);
    else Reflect.deleteProperty(value, key);
    return value;
  }
  if (Array.isArray(value) && random.chance(0.2)) {
    for (let count = random.between(1, 20); count > 0; count--) value.push(value[0]);
    return value;
  }
  Reflect.set(value, key, mutateOnce(Reflect.get(value, key), random));
  return value;
}

/** Changes bytes of a text: cut off, garbage in it, doubled, in another encoding. */
export function mangle(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text);
  const place = random.between(0, bytes.length);
  switch (random.between(0, 7)) {
    case 0:
      return bytes.subarray(0, place);
    case 1:
      return Buffer.concat([bytes, bytes]);
    case 2:
      return Buffer.concat([bytes.subarray(0, place), Buffer.from([0, 0xff, 0xfe, 0x80]), bytes.subarray(place)]);
    case 3:
      return Buffer.from(text, "utf16le");
    case 4:
      return Buffer.concat([Buffer.from("\ufeff"), bytes]);
    case 5:
      return Buffer.from("[".repeat(100_000));
    case 6:
      return Buffer.from(text.replace(/\d+/g, "1".repeat(400)).replace(/"/g, () => (random.chance(0.1) ? "" : '"')));
    default:
      return Buffer.from(Array.from({ length: random.between(1, 200) }, () => random.between(0, 255)));
  }
}
