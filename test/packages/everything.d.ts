export function everything(): Promise<Record<string, number>>;
