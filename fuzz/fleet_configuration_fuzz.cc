// What clients say of configurations of groups: what is read can be kept, shown, read again and
// applied to a twin.
#include "base/json.h"
#include "base/text.h"
#include "hub/configurations/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace configurations = hub::configurations;
  const std::string_view text = base::as_text(base::ByteView(data, size));
  (void)configurations::check_id(text);
  (void)configurations::paths_from_json(text);
  const auto body = base::json::parse(text);
  if (!body) return 0;
  const auto read = configurations::read_configuration("c1", *body);
  if (!read) return 0;
  const auto kept = base::json::parse(configurations::document_of(*read));
  ASSERT(kept);
  ASSERT(configurations::read_configuration("c1", *kept));

  configurations::Wanted wanted;
  wanted.add(read->content.device);
  wanted.add(read->content.module);
  const auto owned = configurations::owned_by(wanted.leaves());
  ASSERT(*configurations::paths_from_json(configurations::paths_to_json(owned)) == owned);
  const base::json::Value empty{base::json::Value::Object{}};
  const auto applied = configurations::apply(empty, {}, wanted.leaves());
  // A second time it changes nothing.
  ASSERT(configurations::apply(applied, owned, wanted.leaves()).to_json() == applied.to_json());
  return 0;
}
