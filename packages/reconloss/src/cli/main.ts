#!/usr/bin/env node
import { runProgram } from "./program.ts";

// A reader that has seen enough, such as head, closes the pipe; that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const stderr = Object.assign(process.stderr, { summaryEvery: 10_000 });
process.exitCode = await runProgram(process.argv.slice(2), { stdout: process.stdout, stderr, env: process.env });
