#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "detect/posture/ranges.h"
#include "detect/posture/verdict.h"

// What the hub knows about devices and about itself, judged. Threads: pure.
namespace detect::posture {

struct FilterRule {
  std::string name;  // may be empty
  bool allow = false;
  std::string range;
};

// The rules about addresses: the first that holds an address decides.
struct AddressFilter {
  std::vector<FilterRule> rules;
  // What happens to all others. nullopt: what Azure's filter does, which lets them in, and knows
  // IPv4 only.
  std::optional<bool> default_allow;
};

Verdict judge_filter_default(const AddressFilter& filter);
Verdict judge_filter_ranges(const AddressFilter& filter);

// Addresses that devices came from, and the few networks that hold them: /24 and /64, joined where
// neighbours make a whole. Loopback is left out.
struct SourceAddresses {
  std::vector<Prefix> networks;
  std::size_t addresses = 0;
};
SourceAddresses networks_of(std::span<const std::string> addresses);
// Fewer addresses, or more networks, recommend nothing.
inline constexpr std::size_t kLeastAddresses = 3;
inline constexpr std::size_t kMostNetworks = 32;
// Whether a filter of these networks lets much less in than this one does.
Verdict judge_filter_fit(const AddressFilter& filter, const SourceAddresses& seen);

// One category of the hub's records that goes somewhere, and for how long it is kept there; 0:
// without end. "allLogs" stands for all categories.
struct DiagnosticSink {
  std::string category;
  int days = 0;
};
inline constexpr int kLeastDays = 365;
Verdict judge_diagnostics(std::span<const DiagnosticSink> sinks);

// A connection's TLS: "1.2", "TLSv1.3"; its suite in the words of IANA or of OpenSSL. Either may be
// empty: not known.
Verdict judge_tls(std::string_view version, std::string_view suite);

// A credential of several devices. `others`: those beside the one that is judged.
struct SharedCredential {
  std::string kind;  // key, policy, certificate
  std::string hash;
  std::vector<std::string> devices;  // some of them, in order
  std::size_t count = 0;             // of all
};
Verdict judge_credentials(std::string_view device_id, std::span<const SharedCredential> shared);

// How the settings of a module look across a security group: digest -> devices that have it.
inline constexpr std::uint64_t kLeastGroup = 5;
inline constexpr std::uint64_t kMajorityPercent = 90;
// The digest that nearly all have; nullopt: the group is too small, or divided.
std::optional<std::string> majority(const std::map<std::string, std::uint64_t>& counts);
struct ModuleSettings {
  std::string module_id;
  std::string group;
  std::string digest;
  std::string usual;  // the majority's
};
Verdict judge_settings_of_group(std::string_view device_id,
                                std::span<const ModuleSettings> deviating);

// --- edge devices ---

struct EdgeModule {
  std::string name;
  base::json::Value create_options = {};  // parsed; null: not known
  // The log driver of the device's container engine; empty: not known.
  std::string default_log_driver = {};
};
struct EdgeRegistry {
  std::string name;  // in the twin; may be empty
  std::string address;
  std::string user;
};
// Protocol heads of the edge hub that are on, and how many clients of each there were in a time.
struct EdgeHub {
  std::vector<std::string> heads;  // "amqp", "mqtt", "http"
  std::map<std::string, std::uint64_t> clients;
  bool observed_long_enough = false;  // a week
};

// Docker's create options as the twin writes them: an object, or its text in pieces
// (createOptions, createOptions01, ...). Null: none, or not JSON.
base::json::Value read_create_options(const base::json::Value& settings);

Verdict judge_edge_privileges(std::span<const EdgeModule> modules);
Verdict judge_edge_logging(std::span<const EdgeModule> modules);
Verdict judge_edge_registries(std::span<const EdgeRegistry> registries);
Verdict judge_edge_hub(const EdgeHub& hub);

// What the desired properties of a device's $edgeAgent say.
struct EdgeDeployment {
  std::vector<EdgeModule> modules;
  std::vector<EdgeRegistry> registries;
  std::optional<EdgeHub> hub;  // as far as the modules say how they connect
};
EdgeDeployment read_deployment(const base::json::Value& desired);

}  // namespace detect::posture
