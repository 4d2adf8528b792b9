export default { name: "analytics", title: "Analytics", roles: ["vendor", "admin"], open() {} };
