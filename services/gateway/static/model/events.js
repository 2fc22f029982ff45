// The subject of an event: two words for the stream, then the key of the series it is about.

export const streamOf = ({ subject }) => subject.split(".", 2).join(".");
export const keyOf = ({ subject }) => subject.split(".")[2];
