// The text of an operation in which a search looks: everything that names it, its parameters, headers, fields and error codes.
import { rolesOf } from "./roles.js";

/** Return what a node refers to (`$ref`), or the node itself. */
const resolve = (node, spec) => {
  if (!node?.$ref) {
    return node;
  }
  const [, ...names] = node.$ref.split("/");
  return names.reduce((part, name) => part?.[name], spec);
};

/** Add the names of a schema's fields, at any depth, to `names`. */
const addFields = (schema, spec, names, visited = new Set()) => {
  const shape = resolve(schema, spec);
  if (!shape || typeof shape !== "object" || visited.has(shape)) {
    return;
  }
  visited.add(shape);
  const { properties = {}, items, additionalProperties, allOf = [], anyOf = [], oneOf = [] } = shape;
  for (const name of Object.keys(properties)) {
    names.add(name);
  }
  for (const part of [...Object.values(properties), items, additionalProperties, ...allOf, ...anyOf, ...oneOf]) {
    addFields(part, spec, names, visited);
  }
};

/** Return the names of the fields of a body. */
const fieldsOf = (body, spec) => {
  const names = new Set();
  for (const { schema } of Object.values(resolve(body, spec)?.content || {})) {
    addFields(schema, spec, names);
  }
  return [...names];
};

/** Return the words of an operation, in lower case. */
const textOf = (path, method, operation, spec) => {
  const responses = Object.values(operation.responses).map((response) => resolve(response, spec));
  const successes = Object.keys(operation.responses).filter((status) => status < 400);
  return [
    method,
    path,
    operation.operationId,
    operation.summary,
    operation.description,
    ...operation.tags,
    ...rolesOf(operation),
    ...(operation.parameters || []).map((parameter) => resolve(parameter, spec).name),
    ...responses.flatMap((response) => [response.description, ...Object.keys(response.headers || {})]),
    ...responses
      .flatMap((response) => Object.values(response.content || {}))
      .flatMap(({ examples }) => Object.keys(examples || {})),
    ...fieldsOf(operation.requestBody, spec),
    ...successes.flatMap((status) => fieldsOf(operation.responses[status], spec)),
  ]
    .join(" ")
    .toLowerCase();
};

/** Return the texts of all operations of an OpenAPI document, by method and path. */
export const textsOf = (spec) =>
  new Map(
    Object.entries(spec.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => [`${method} ${path}`, textOf(path, method, operation, spec)]),
    ),
  );
