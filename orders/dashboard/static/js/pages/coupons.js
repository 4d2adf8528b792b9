export default { name: "coupons", title: "Coupons", roles: ["vendor", "admin"], open() {} };
