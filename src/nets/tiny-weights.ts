export const halves = "";
