export default { name: "coupon-new", title: "New coupon", roles: ["vendor", "admin"], open() {} };
