export default { name: "dead-letters", title: "Dead letters", roles: ["admin"], open() {} };
