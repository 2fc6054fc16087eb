// Queries as anybody with a right to look sends them, and conditions of configurations: no input
// may break the parser or the evaluation, and a problem points into the text.
#include "base/bytes.h"
#include "base/result.h"
#include "iotql/groups.h"
#include "iotql/query.h"

namespace {

const base::json::Value& document() {
  static const base::json::Value parsed = *base::json::parse(
      R"({"deviceId":"d1","status":"enabled","tags":{"a":"x","n":1,"r":2.5,"t":true,"z":null,)"
      R"("list":["x",{"b":-9223372036854775808}],"odd name":{"a.b":"ü"}},)"
      R"("properties":{"desired":{"a":9223372036854775807},"reported":{"s":"ok"}}})");
  return parsed;
}

void run(const iotql::Query& query) {
  const iotql::ValueDocument one(document());
  const bool selected = query.matches(one);
  std::string json;
  if (query.aggregates()) {
    iotql::Groups groups(query);
    if (selected) ASSERT(groups.add(one).has_value());
    for (const auto& row : groups.rows({}, 10))
      json = row.json;
  } else {
    base::json::Writer writer(json);
    query.write_row(one, writer);
  }
  ASSERT(json.empty() || base::json::parse(json).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  for (const auto& parsed : {iotql::Query::parse(text), iotql::Query::parse_target(text)}) {
    if (parsed) {
      run(*parsed);
    } else {
      const iotql::Problem& problem = parsed.error();
      ASSERT(problem.offset + problem.length <= size && problem.line > 0 && problem.column > 0);
    }
  }
  return 0;
}
