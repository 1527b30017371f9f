/**
 * A port by chance, of those that no system gives by itself to whoever asks for any: nobody else comes by it while its server is away. Whether another program
 * listens there is seen when one tries.
 */
export const quietPort = (): number => 10_000 + Math.floor(20_000 * Math.random());

/** A port at which nobody listens: it is assigned to no service, only an administrator's programs may take it, and it is none of those that fetch refuses. */
export const closedPort = 4;
