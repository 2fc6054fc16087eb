#include "hub/identity/ip_filter.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

#include "base/id.h"
#include "base/text.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE ip_filter (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    otherwise TEXT NOT NULL,
    etag TEXT NOT NULL,
    updated INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE ip_filter_rule (
    position INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    access TEXT NOT NULL,
    range TEXT NOT NULL
  ) STRICT;
)sql"};

constexpr std::size_t kMaxAddress = 64;
constexpr std::size_t kV4Bits = 32;
constexpr std::size_t kV6Bits = 128;
constexpr std::size_t kMappedBytes = 12;

Result<void> check_name(const AddressRule& rule) {
  const bool good = !rule.name.empty() && rule.name.size() <= IpFilter::kMaxName &&
                    base::is_utf8(rule.name) && rule.name != IpFilter::kDefaultName;
  if (good) return {};
  return fail(Code::Invalid, "rule name", -1,
              "expected 1 to 128 bytes of UTF-8, and not \"default\"");
}

}  // namespace

std::string_view to_string(Access access) {
  return access == Access::Allow ? "allow" : "deny";
}

std::optional<Access> parse_access(std::string_view text) {
  if (text == "allow") return Access::Allow;
  if (text == "deny") return Access::Deny;
  return std::nullopt;
}

std::optional<IpFilter::Range> IpFilter::parse_address(std::string_view text) {
  if (text.size() > kMaxAddress) return std::nullopt;
  const std::string zeroed(text);
  if (zeroed.find('\0') != std::string::npos) return std::nullopt;
  Range range;
  if (::inet_pton(AF_INET, zeroed.c_str(), range.bytes.data()) == 1) {
    range.bits = kV4Bits;
    return range;
  }
  in6_addr v6{};
  if (::inet_pton(AF_INET6, zeroed.c_str(), &v6) != 1) return std::nullopt;
  if (IN6_IS_ADDR_V4MAPPED(&v6) != 0) {
    std::memcpy(range.bytes.data(), &v6.s6_addr[kMappedBytes], kV4Bits / 8);
    range.bits = kV4Bits;
    return range;
  }
  std::memcpy(range.bytes.data(), v6.s6_addr, range.bytes.size());
  range.bits = kV6Bits;
  range.v6 = true;
  return range;
}

Result<IpFilter::Range> IpFilter::parse_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  auto range = parse_address(address);
  // A range in IPv6's clothes would be counted in bits of another width than written.
  const bool clear = range && range->v6 == (address.find(':') != std::string_view::npos);
  if (!clear)
    return fail(Code::Invalid, "range", -1, "expected an address, or address/prefix length");
  if (slash != std::string_view::npos) {
    const auto bits = base::parse_int(text.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > static_cast<std::int64_t>(range->bits))
      return fail(Code::Invalid, "range", -1,
                  "expected a prefix length of 0 to " + std::to_string(range->bits));
    range->bits = static_cast<std::size_t>(*bits);
  }
  for (std::size_t bit = range->bits; bit < range->bytes.size() * 8; ++bit) {
    if ((range->bytes[bit / 8] >> (7 - bit % 8) & 1U) != 0)
      return fail(Code::Invalid, "range", -1, "the address has bits set beyond the prefix");
  }
  return *range;
}

bool IpFilter::holds(const Range& range, const Range& address) {
  if (range.v6 != address.v6) return false;
  const std::size_t whole = range.bits / 8;
  if (std::memcmp(range.bytes.data(), address.bytes.data(), whole) != 0) return false;
  const std::size_t rest = range.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFFU << (8 - rest));
  return (range.bytes[whole] & mask) == (address.bytes[whole] & mask);
}

Result<IpFilter> IpFilter::create(std::vector<AddressRule> rules, Access otherwise) {
  if (rules.size() > kMaxRules)
    return fail(Code::TooLarge, "rules", -1, "at most " + std::to_string(kMaxRules));
  IpFilter filter;
  filter.otherwise_ = otherwise;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    TRY(check_name(rules[i]));
    const auto same = [&](const AddressRule& other) { return other.name == rules[i].name; };
    const auto end = rules.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(rules.begin(), end, same))
      return fail(Code::Invalid, "rule name", -1, "\"" + rules[i].name + "\" is there twice");
    auto range = parse_range(rules[i].range);
    if (!range)
      return fail(Code::Invalid, "rule", -1, "\"" + rules[i].name + "\": " + range.error().detail);
    filter.ranges_.push_back(*range);
  }
  filter.rules_ = std::move(rules);
  return filter;
}

IpFilter::Decision IpFilter::decide(std::string_view address) const {
  const auto parsed = parse_address(address);
  if (!parsed) {
    const bool open = rules_.empty() && otherwise_ == Access::Allow;
    return {open ? Access::Allow : Access::Deny, kDefaultName};
  }
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (holds(ranges_[i], *parsed)) return {rules_[i].access, rules_[i].name};
  }
  return {otherwise_, kDefaultName};
}

Result<std::unique_ptr<IpFilterStore>> IpFilterStore::open(const std::string& path,
                                                           std::function<base::WallTime()> now) {
  auto database = TRY(store::Sqlite::open(path));
  TRY(database.migrate("ip_filter", kSteps));
  std::unique_ptr<IpFilterStore> opened(new IpFilterStore(std::move(database), std::move(now)));
  opened->state_ = TRY(opened->load());
  return opened;
}

Result<IpFilterStore::State> IpFilterStore::load() {
  State state;
  auto set = TRY(database_.prepare("SELECT otherwise, etag, updated FROM ip_filter"));
  if (!TRY(set.step())) {
    state.filter = std::make_shared<const IpFilter>();
    return state;
  }
  state.etag = set.string(1);
  state.updated = base::WallTime(std::chrono::nanoseconds(set.integer(2)));
  const auto access_of = [](std::string_view text) -> Result<Access> {
    const auto access = parse_access(text);
    if (!access) return fail(Code::Corrupt, "IP filter", -1, std::string(text));
    return *access;
  };
  std::vector<AddressRule> rules;
  auto rows =
      TRY(database_.prepare("SELECT name, access, range FROM ip_filter_rule ORDER BY position"));
  while (TRY(rows.step()))
    rules.push_back({rows.string(0), TRY(access_of(rows.text(1))), rows.string(2)});
  state.filter = std::make_shared<const IpFilter>(
      TRY(IpFilter::create(std::move(rules), TRY(access_of(set.text(0))))));
  return state;
}

IpFilterStore::State IpFilterStore::current() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Result<IpFilterStore::State> IpFilterStore::set(std::vector<AddressRule> rules, Access otherwise,
                                                std::string_view if_match) {
  State state;
  state.filter =
      std::make_shared<const IpFilter>(TRY(IpFilter::create(std::move(rules), otherwise)));
  state.etag = base::Guid::random().to_string();
  state.updated = now_();
  const std::lock_guard writer_lock(writer_mutex_);
  if (!if_match.empty() && if_match != "*" && if_match != current().etag)
    return fail(Code::Conflict, "etag", -1, "the IP filter was changed in between");
  auto transaction = TRY(store::Transaction::begin(database_));
  TRY(database_.run("DELETE FROM ip_filter_rule"));
  std::int64_t position = 0;
  for (const AddressRule& rule : state.filter->rules()) {
    TRY(database_.run("INSERT INTO ip_filter_rule VALUES (?, ?, ?, ?)", position++, rule.name,
                      to_string(rule.access), rule.range));
  }
  TRY(database_.run("INSERT OR REPLACE INTO ip_filter VALUES (1, ?, ?, ?)", to_string(otherwise),
                    state.etag, std::int64_t{state.updated->time_since_epoch().count()}));
  TRY(transaction.commit());
  const std::lock_guard lock(mutex_);
  state_ = state;
  return state;
}

IpFilterStore::Verdict IpFilterStore::decide(std::string_view address) const {
  const std::shared_ptr<const IpFilter> filter = current().filter;
  if (filter->rules().empty() && filter->otherwise() == Access::Allow) return {};
  const IpFilter::Decision decision = filter->decide(address);
  return {decision.access, std::string(decision.rule)};
}

}  // namespace hub::identity
