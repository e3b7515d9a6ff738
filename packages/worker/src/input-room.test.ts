import fc from "fast-check";
import { expect, test } from "vitest";
import { openInputRoom } from "./input-room.ts";

const totalBytes = 64;

test("jobs never hold more than there is room for, but one that is alone; they enter in their order, and all of them do", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.infiniteStream(fc.nat(2)), async (bytesOf, turns) => {
      const room = openInputRoom(totalBytes);
      const held = new Set<number>();
      const entered: number[] = [];
      const work = async (index: number): Promise<void> => {
        const giveBack = await room.take(bytesOf[index] ?? 0);
        held.add(index);
        entered.push(index);
        const heldBytes = [...held].reduce((sum, each) => sum + (bytesOf[each] ?? 0), 0);
        expect(held.size === 1 || heldBytes <= totalBytes).toBe(true);
        for (let turn = Number(turns.next().value); turn > 0; turn -= 1) await Promise.resolve();
        held.delete(index);
        giveBack();
      };
      await Promise.all(bytesOf.map((_, index) => work(index)));
      expect(entered).toEqual(bytesOf.map((_, index) => index));
    }),
  );
});

test("a job without a large input waits for nobody", async () => {
  const room = openInputRoom(totalBytes);
  await room.take(100);
  const giveBack = await room.take(0);
  giveBack();
});
