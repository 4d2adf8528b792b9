export default { name: "orders", title: "Orders", roles: ["admin"], open() {} };
