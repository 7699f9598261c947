import { datagramOf, rdmaRequests, vectorRequests } from "./requests.ts";

/* Prints "name hex" for each datagram that the guest must send. */
for (const [name, requests] of Object.entries({ ...vectorRequests(), ...rdmaRequests() })) {
  console.log(name, Buffer.from(datagramOf(requests)).toString("hex"));
}
