export { matchInputs } from "./match-inputs.ts";
export { matchInTest } from "./to-match-image.ts";
