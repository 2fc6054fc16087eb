#pragma once

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/json.h"

// docs/reference/openapi.yaml as a judge of what the server really answers. For tests.
namespace hub::api {

class OpenApi {
 public:
  // Reads the document of this checkout.
  static OpenApi load();

  struct Operation {
    std::string method;  // GET
    std::string path;    // /devices/{deviceId}
    bool open = false;   // needs no authentication
    std::set<std::string> query_parameters;
    bool operator<(const Operation& other) const {
      return std::tie(path, method) < std::tie(other.path, other.method);
    }
  };
  std::vector<Operation> operations() const;

  // What is wrong with this answer to an operation, one line each; empty: it is as documented.
  std::vector<std::string> judge(std::string_view method, std::string_view path, unsigned status,
                                 std::string_view content_type, std::string_view body) const;
  // The same for a JSON text and a schema of components/schemas.
  std::vector<std::string> judge_schema(const std::string& name, std::string_view json) const;
  // What is wrong with the document's own examples.
  std::vector<std::string> judge_examples() const;

 private:
  using Problems = std::vector<std::string>;
  using Value = base::json::Value;

  const Value& resolve(const Value& node) const;
  // nullptr when the document has no such operation.
  const Value* operation(std::string_view method, std::string_view path) const;
  void check(const Value& value, const Value& schema, const std::string& where,
             Problems& problems) const;
  void check_type(const Value& value, const Value& schema, const std::string& where,
                  Problems& problems) const;
  void check_object(const Value& value, const Value& schema, const std::string& where,
                    Problems& problems) const;
  void check_text_and_number(const Value& value, const Value& schema, const std::string& where,
                             Problems& problems) const;
  // The property names that a schema, and what it is made of, know.
  void collect_properties(const Value& schema, std::set<std::string>& names) const;
  void judge_content_examples(const Value* content, const std::string& where,
                              Problems& problems) const;

  Value root_;
};

}  // namespace hub::api
