export default { name: "coupon", title: "Coupon", roles: ["vendor", "admin"], open() {} };
