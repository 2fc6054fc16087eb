#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "detect/alerts.h"
#include "detect/custom/type.h"
#include "schema/message.h"
#include "store/events.h"

// What an event says that custom alerts look at. Threads: pure.
namespace detect::custom {

// The types that events of that name can be about; bits by Type.
std::uint32_t types_of(schema::EventName name);

// Programs that read scripts, which are what counts then; as a regular expression over paths.
inline constexpr std::string_view kInterpreters =
    "(^|/)(sh|bash|dash|ash|zsh|ksh|python|perl|ruby|node|php|lua)[0-9.]*$";

struct Said {
  Type type;
  std::string value;    // of a List
  std::string user_id;  // LocalUser: when there is no name
};
// An item says one thing of each Type at most: what it says of this one.
std::optional<Said> said(const schema::Event& event, std::size_t item, Type type);

Evidence evidence_of(const schema::Event& event, std::size_t item);
Evidence evidence_of(const store::OperationRow& operation, base::WallTime time);

}  // namespace detect::custom
