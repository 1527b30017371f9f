/** The folders that a file of a list lies in. */
const foldersOf = (name: string) => name.split("/").slice(0, -1);

/** The number of parts at the beginning that all lists have in common. */
function commonParts(lists: readonly (readonly string[])[]): number {
  const [first = []] = lists;
  const differs = first.findIndex((part, i) => lists.some((list) => list[i] !== part));
  return differs < 0 ? first.length : differs;
}

/**
 * The group that each image belongs to, such as a data set, by the folders that its name has: `Set5/HR/baby.png` and `Set14/HR/comic.png` are of Set5 and Set14. Folders that all have in common, first or last,
 * name none; files beside the folders of others are of `.`.
 *
 * @param names - with `/` between folders
 * @returns undefined for all where all are of one folder
 */
export function groupsOf(names: readonly string[]): (string | undefined)[] {
  const folders = names.map(foldersOf);
  const first = commonParts(folders);
  const rest = folders.map((parts) => parts.slice(first));
  const last = commonParts(rest.map((parts) => parts.toReversed()));
  const groups = rest.map((parts) => parts.slice(0, parts.length - last).join("/") || ".");
  return groups.every((group) => group === groups[0]) ? names.map(() => undefined) : groups;
}
