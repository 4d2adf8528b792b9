export default { name: "vendor-order", title: "Order", roles: ["vendor", "admin"], open() {} };
