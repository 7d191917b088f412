// How a peer is started and stopped: on any free port of this machine, which it prints, until its standard input ends.

export function listen(server) {
  server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/graphql`));
  process.stdin.resume();
  process.stdin.on("end", () => process.exit());
}
