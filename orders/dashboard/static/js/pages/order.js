export default { name: "order", title: "Order", roles: ["admin"], open() {} };
