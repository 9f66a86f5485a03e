/** The report is filed: what was kept for another try is not needed any more. */

const [, jurisdiction] = location.pathname.split("/");
localStorage.removeItem(`report:${jurisdiction}`);
