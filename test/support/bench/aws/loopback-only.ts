// A preload for servers that would listen on every address: whatever they ask for, they listen on 127.0.0.1.
import { Server } from "node:net";

const listen: unknown = Reflect.get(Server.prototype, "listen");

Reflect.set(Server.prototype, "listen", function (this: Server, first: unknown, ...rest: unknown[]): unknown {
  if (typeof listen !== "function") throw new Error("net.Server has no listen.");
  const callbacks = rest.filter((each) => typeof each === "function");
  const asked = typeof first === "object" && first !== null ? first : { port: first };
  return Reflect.apply(listen, this, [{ ...asked, host: "127.0.0.1" }, ...callbacks]);
});
