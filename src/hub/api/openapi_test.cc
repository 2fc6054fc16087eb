// The judge itself, and the document beside the routes.
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "base/text.h"
#include "base/time.h"
#include "hub/api/api.h"
#include "hub/api/openapi_testing.h"

namespace hub::api {

namespace {

using base::json::Value;

const std::set<std::string> kKnownKeywords{
    "$ref",        "type",    "properties", "required",  "additionalProperties",
    "items",       "enum",    "oneOf",      "allOf",     "unevaluatedProperties",
    "minimum",     "maximum", "minLength",  "maxLength", "format",
    "description", "example", "default"};

// A plain scalar as JSON sees it; a quoted one is text.
Value to_json(const YAML::Node& node) {
  if (node.IsMap()) {
    Value::Object object;
    for (const auto& member : node) {
      object.push_back({member.first.as<std::string>(), to_json(member.second)});
    }
    return Value(std::move(object));
  }
  if (node.IsSequence()) {
    Value::Array array;
    for (const auto& item : node)
      array.push_back(to_json(item));
    return Value(std::move(array));
  }
  if (!node.IsScalar()) return Value();
  const std::string text = node.Scalar();
  if (node.Tag() == "!") return Value(text);
  if (text == "true" || text == "false") return Value(text == "true");
  if (const auto number = base::parse_int(text)) return Value(*number);
  double real = 0;
  if (YAML::convert<double>::decode(node, real)) return Value(real);
  return Value(text);
}

bool has_type(const Value& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.if_bool() != nullptr;
  if (type == "integer") return value.if_int() != nullptr;
  if (type == "number") return value.if_int() != nullptr || value.if_double() != nullptr;
  if (type == "string") return value.if_string() != nullptr;
  if (type == "array") return value.if_array() != nullptr;
  return type == "object" && value.if_object() != nullptr;
}

// The members of an object, the items of an array; none of anything else.
const Value::Object& members(const Value* value) {
  static const Value::Object none;
  return value == nullptr || value->if_object() == nullptr ? none : *value->if_object();
}
const Value::Array& items(const Value* value) {
  static const Value::Array none;
  return value == nullptr || value->if_array() == nullptr ? none : *value->if_array();
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + "\n";
  return text;
}

}  // namespace

OpenApi OpenApi::load() {
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  OpenApi api;
  api.root_ = to_json(YAML::LoadFile(std::string(source == nullptr ? "." : source) +
                                     "/docs/reference/openapi.yaml"));
  return api;
}

const Value& OpenApi::resolve(const Value& node) const {
  const Value* at = &node;
  while (const Value* reference = at->find("$ref")) {
    const std::string text = *reference->if_string();
    at = &root_;
    for (const std::string_view name : base::split(std::string_view(text).substr(2), '/')) {
      at = at->find(name);
      if (at == nullptr) throw std::runtime_error("dangling " + text);
    }
  }
  return *at;
}

std::vector<OpenApi::Operation> OpenApi::operations() const {
  std::vector<Operation> all;
  for (const auto& path : members(root_.find("paths"))) {
    for (const auto& method : members(&path.value)) {
      if (method.name == "parameters" || method.name == "servers") continue;
      Operation operation;
      operation.method = method.name;
      std::transform(method.name.begin(), method.name.end(), operation.method.begin(), ::toupper);
      operation.path = path.name;
      const Value* security = method.value.find("security");
      operation.open = security != nullptr && security->if_array()->empty();
      for (const Value& each : items(method.value.find("parameters"))) {
        const Value& parameter = resolve(each);
        if (parameter.text_or("in", "") == "query") {
          operation.query_parameters.emplace(parameter.text_or("name", ""));
        }
      }
      all.push_back(std::move(operation));
    }
  }
  return all;
}

const Value* OpenApi::operation(std::string_view method, std::string_view path) const {
  const Value* item = root_.find("paths")->find(path);
  return item == nullptr ? nullptr : item->find(base::to_lower(method));
}

std::vector<std::string> OpenApi::judge(std::string_view method, std::string_view path,
                                        unsigned status, std::string_view content_type,
                                        std::string_view body) const {
  const std::string where =
      std::string(method) + " " + std::string(path) + " " + std::to_string(status);
  const Value* documented = operation(method, path);
  if (documented == nullptr && status == 405) return judge_schema("Error", body);
  if (documented == nullptr) return {where + ": not in the document"};
  const Value* answer = documented->find("responses")->find(std::to_string(status));
  if (answer == nullptr) {
    // What any operation may answer; the document says so at its start.
    const std::set<unsigned> anywhere{400, 403, 405, 413, 415, 429, 500, 503};
    if (!anywhere.contains(status)) return {where + ": this status is not documented"};
    return judge_schema("Error", body);
  }
  const Value* content = resolve(*answer).find("content");
  if (content == nullptr) {
    return body.empty() ? Problems() : Problems{where + ": a body where none is documented"};
  }
  const std::string type(base::trim(content_type.substr(0, content_type.find(';'))));
  const Value* media = content->find(type);
  if (media == nullptr) return {where + ": content type " + type + " is not documented"};
  if (type != "application/json") return {};
  const auto value = base::json::parse(body);
  if (!value) return {where + ": the body is not JSON"};
  Problems problems;
  check(*value, *media->find("schema"), where, problems);
  return problems;
}

std::vector<std::string> OpenApi::judge_schema(const std::string& name,
                                               std::string_view json) const {
  const auto value = base::json::parse(json);
  if (!value) return {name + ": not JSON"};
  Problems problems;
  check(*value, *root_.find("components")->find("schemas")->find(name), name, problems);
  return problems;
}

void OpenApi::check(const Value& value, const Value& schema, const std::string& where,
                    Problems& problems) const {
  for (const auto& keyword : members(&schema)) {
    if (!kKnownKeywords.contains(keyword.name)) {
      problems.push_back(where + ": the judge does not know " + keyword.name);
    }
  }
  if (schema.find("$ref") != nullptr) check(value, resolve(schema), where, problems);
  const std::size_t before = problems.size();
  check_type(value, schema, where, problems);
  if (problems.size() > before) return;
  if (const Value* one_of = schema.find("oneOf")) {
    const auto& choices = items(one_of);
    const auto fitting = std::count_if(choices.begin(), choices.end(), [&](const Value& each) {
      Problems own;
      check(value, each, where, own);
      return own.empty();
    });
    if (fitting != 1) problems.push_back(where + ": fits " + std::to_string(fitting) + " of oneOf");
  }
  for (const Value& each : items(schema.find("allOf")))
    check(value, each, where, problems);
  if (const Value* item = schema.find("items"); item != nullptr && value.if_array() != nullptr) {
    int index = 0;
    for (const Value& each : *value.if_array()) {
      check(each, *item, where + "/" + std::to_string(index++), problems);
    }
  }
  check_object(value, schema, where, problems);
  check_text_and_number(value, schema, where, problems);
}

void OpenApi::check_type(const Value& value, const Value& schema, const std::string& where,
                         Problems& problems) const {
  const Value* type = schema.find("type");
  if (type == nullptr) return;
  std::vector<std::string> types;
  if (const std::string* one = type->if_string()) types.push_back(*one);
  for (const Value& each : items(type))
    types.push_back(*each.if_string());
  if (std::none_of(types.begin(), types.end(),
                   [&](const std::string& each) { return has_type(value, each); })) {
    problems.push_back(where + ": expected " + ::testing::PrintToString(types) + ", found " +
                       value.to_json());
  }
}

void OpenApi::check_object(const Value& value, const Value& schema, const std::string& where,
                           Problems& problems) const {
  if (value.if_object() == nullptr) return;
  for (const Value& name : items(schema.find("required"))) {
    if (value.find(*name.if_string()) == nullptr) {
      problems.push_back(where + ": lacks " + *name.if_string());
    }
  }
  const Value* properties = schema.find("properties");
  const Value* additional = schema.find("additionalProperties");
  const bool evaluated = schema.find("unevaluatedProperties") != nullptr;
  std::set<std::string> known;
  if (evaluated) collect_properties(schema, known);
  for (const auto& member : members(&value)) {
    const std::string at = where + "/" + member.name;
    const Value* property = properties == nullptr ? nullptr : properties->find(member.name);
    if (property == nullptr && additional != nullptr && additional->if_object() != nullptr) {
      property = additional;
    }
    if (property != nullptr) {
      check(member.value, *property, at, problems);
    } else if (additional != nullptr && !*additional->if_bool()) {
      problems.push_back(at + ": not documented");
    }
    if (evaluated && !known.contains(member.name)) problems.push_back(at + ": not documented");
  }
}

void OpenApi::check_text_and_number(const Value& value, const Value& schema,
                                    const std::string& where, Problems& problems) const {
  if (const Value* values = schema.find("enum")) {
    const auto& allowed = items(values);
    if (std::none_of(allowed.begin(), allowed.end(),
                     [&](const Value& each) { return each.to_json() == value.to_json(); })) {
      problems.push_back(where + ": " + value.to_json() + " is not one of the enum");
    }
  }
  const auto limit = [&schema](const char* name, std::int64_t otherwise) {
    const Value* number = schema.find(name);
    return number == nullptr ? otherwise : *number->if_int();
  };
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (const std::string* text = value.if_string()) {
    const auto size = static_cast<std::int64_t>(text->size());
    if (size < limit("minLength", 0) || size > limit("maxLength", kMost)) {
      problems.push_back(where + ": too short or too long");
    }
    if (schema.text_or("format", "") == "date-time" && !base::parse_rfc3339(*text)) {
      problems.push_back(where + ": " + *text + " is no date-time");
    }
  }
  if (const std::int64_t* number = value.if_int()) {
    if (*number < limit("minimum", -kMost) || *number > limit("maximum", kMost)) {
      problems.push_back(where + ": out of range");
    }
  }
}

void OpenApi::collect_properties(const Value& unresolved, std::set<std::string>& names) const {
  const Value& schema = resolve(unresolved);
  for (const auto& property : members(schema.find("properties")))
    names.insert(property.name);
  for (const Value& each : items(schema.find("allOf")))
    collect_properties(each, names);
}

void OpenApi::judge_content_examples(const Value* content, const std::string& where,
                                     Problems& problems) const {
  for (const auto& type : members(content)) {
    const Value& schema = *type.value.find("schema");
    if (const Value* example = type.value.find("example")) {
      check(*example, schema, where + " example", problems);
    }
    for (const auto& example : members(type.value.find("examples"))) {
      check(*example.value.find("value"), schema, where + " example " + example.name, problems);
    }
  }
}

std::vector<std::string> OpenApi::judge_examples() const {
  Problems problems;
  for (const Operation& each : operations()) {
    const Value& node = *operation(each.method, each.path);
    const std::string where = each.method + " " + each.path;
    if (const Value* request = node.find("requestBody")) {
      judge_content_examples(request->find("content"), where + " request", problems);
    }
    for (const auto& response : members(node.find("responses"))) {
      judge_content_examples(resolve(response.value).find("content"), where + " " + response.name,
                             problems);
    }
  }
  return problems;
}

namespace {

TEST(OpenApiJudge, FindsWhatIsWrong) {
  const OpenApi api = OpenApi::load();
  const auto verdict = [&api](const char* schema, const char* json) {
    return joined(api.judge_schema(schema, json));
  };
  EXPECT_EQ(verdict("Column", R"({"name":"a","type":"long"})"), "");
  EXPECT_EQ(verdict("Column", R"({"name":"a","type":"float"})"),
            "Column/type: \"float\" is not one of the enum\n");
  EXPECT_EQ(verdict("Column", R"({"name":1,"type":"long"})"),
            "Column/name: expected { \"string\" }, found 1\n");
  EXPECT_EQ(verdict("Column", R"({"type":"long"})"), "Column: lacks name\n");
  EXPECT_EQ(verdict("Column", R"({"name":"a","type":"long","x":1})"), "Column/x: not documented\n");
  EXPECT_EQ(verdict("NextCursor", "null"), "");
  EXPECT_NE(verdict("NextCursor", "1"), "");
  EXPECT_EQ(verdict("Time", R"("yesterday")"), "Time: yesterday is no date-time\n");
  EXPECT_NE(verdict("AlertDetail", "{}"), "");
  EXPECT_NE(verdict("Login", R"({"username":"a","password":"b","oneTimeToken":"c"})"), "");
  EXPECT_EQ(verdict("Login", R"({"oneTimeToken":"c"})"), "");
  EXPECT_FALSE(api.judge("GET", "/nothing", 200, "application/json", "{}").empty());
  EXPECT_FALSE(api.judge("GET", "/status", 201, "application/json", "{}").empty());
  EXPECT_FALSE(api.judge("GET", "/status", 200, "text/plain", "{}").empty());
  EXPECT_FALSE(api.judge("DELETE", "/session", 204, "", "x").empty());
}

TEST(OpenApiDocument, ItsExamplesAreValid) {
  EXPECT_EQ(joined(OpenApi::load().judge_examples()), "");
}

TEST(OpenApiDocument, HasEveryRouteAndNoOther) {
  std::map<std::string, OpenApi::Operation> documented;
  for (auto& operation : OpenApi::load().operations()) {
    documented.emplace(operation.method + " " + operation.path, operation);
  }
  EXPECT_EQ(documented.erase("GET /healthz"), 1U) << "served outside the table";
  for (const Route& route : routes()) {
    const std::string name =
        std::string(to_string(route.method)) + " " + std::string(route.pattern);
    const auto found = documented.find(name);
    ASSERT_NE(found, documented.end()) << name << " is not in docs/reference/openapi.yaml";
    const std::set<std::string> parameters(route.parameters.begin(), route.parameters.end());
    EXPECT_EQ(found->second.query_parameters, parameters) << name;
    EXPECT_EQ(found->second.open, route.need == Need::Nothing) << name;
    documented.erase(found);
  }
  for (const auto& [name, operation] : documented)
    ADD_FAILURE() << name << " is not served";
}

TEST(Routes, AuditEveryChangeExceptQueries) {
  for (const Route& route : routes()) {
    const bool query = route.pattern.starts_with("/query") || route.pattern.ends_with("/query") ||
                       route.pattern.ends_with("/test") || route.pattern.ends_with("/preview");
    // Data that leaves the hub in bulk is worth a record, too.
    const bool reads = route.method == Method::Get && !route.pattern.ends_with("/export");
    // What only says what would be, or would have been.
    const bool tries = route.pattern == "/rules/check" || route.pattern == "/rules/hunt" ||
                       route.pattern == "/rule-exceptions/preview";
    // Parts of a file whose import is recorded.
    const bool part =
        route.pattern == "/store/imports/{importId}/content" ||
        (route.pattern == "/advisory-uploads/{uploadId}" && route.method == Method::Put);
    EXPECT_EQ(route.action.empty(), reads || query || tries || part) << route.pattern;
  }
}

}  // namespace
}  // namespace hub::api
