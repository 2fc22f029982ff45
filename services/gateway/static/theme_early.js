// Puts the chosen theme on the page before its first paint; a module would come too late for that.
document.documentElement.dataset.theme = localStorage.getItem("tapedeck.theme") ?? "auto";
