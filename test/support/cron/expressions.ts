import fc from "fast-check";

/** A field of Elastic Beanstalk's cron: values, ranges, steps and lists of them, by number or by name. */
export function field(min: number, max: number, names: readonly string[] = []): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const written = (number: number): string => names[number - min] ?? String(number);
  const range = fc.tuple(value, value).map(([a, b]) => `${written(Math.min(a, b))}-${written(Math.max(a, b))}`);
  const step = fc.integer({ min: 1, max: max - min - (names.length === 8 ? 1 : 0) });
  const element = fc.oneof(
    value.map(written),
    range,
    fc.tuple(range, step).map(([each, by]) => `${each}/${by}`),
    step.map((by) => `*/${by}`),
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant("*") },
    { weight: 3, arbitrary: fc.array(element, { minLength: 1, maxLength: 3 }).map((each) => each.join(",")) },
  );
}

export const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** The eighth is Sunday's other number: a range of names could not reach it. */
export const weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "7"];

/** Five fields; some of them name days that never come, and are refused. */
export const expression: fc.Arbitrary<string> = fc
  .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12, monthNames), field(0, 7, weekdayNames))
  .map((fields) => fields.join(" "));
