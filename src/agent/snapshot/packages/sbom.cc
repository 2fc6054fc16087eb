#include "agent/snapshot/packages/sbom.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.h"
#include "schema/message.h"

namespace agent::snapshot::packages {

using base::json::Writer;
using schema::set;

namespace {

constexpr std::string_view kUsage =
    "vedette-agent sbom [-o cyclonedx|table|json] [--root DIR]\n"
    "\n"
    "Lists what package managers say is installed: dpkg, opkg, apk, rpm (SQLite and ndb).\n"
    "  -o cyclonedx  a CycloneDX 1.5 document (default)\n"
    "  --root DIR    the system below that folder, instead of this one\n";

std::vector<schema::SBoM> items_of(const Inventory& inventory) {
  std::vector<schema::SBoM> items;
  const auto optional = [](std::optional<std::string>& field, const std::string& value) {
    if (!value.empty()) field = value;
  };
  for (const Package& package : inventory.packages) {
    schema::SBoM item;
    item.package_name = package.name;
    item.version = package.version;
    optional(item.architecture, package.architecture);
    optional(item.source_package, package.source);
    optional(item.source_version, package.source_version);
    item.package_manager = package.manager;
    optional(item.license, package.license);
    optional(item.supplier, package.supplier);
    item.purl = purl_of(package, inventory);
    if (!package.status.empty()) set(item.extra_details, "Status", package.status);
    items.push_back(std::move(item));
  }
  // What could not be read is an item as well, so that a short list is not taken for a small
  // system.
  for (const std::string& unknown : inventory.unknown) {
    schema::SBoM item;
    item.package_name = "*";
    item.version = "*";
    item.package_manager = unknown.substr(0, unknown.find(':'));
    item.purl = "*";
    set(item.extra_details, "Unknown", unknown.substr(unknown.find(": ") + 2));
    items.push_back(std::move(item));
  }
  return items;
}

class SbomSnapshot final : public Snapshot {
 public:
  explicit SbomSnapshot(std::string root) : root_(std::move(root)) {}
  schema::EventName event() const override { return schema::EventName::SBoM; }
  SourceReport source() const override { return report_; }

  base::Result<schema::Payload> take() override {
    const Inventory inventory = collect(root_);
    report_.reason = fmt::format("{}", fmt::join(inventory.unknown, "; "));
    report_.tier =
        inventory.managers.empty() ? "none" : fmt::format("{}", fmt::join(inventory.managers, ","));
    return schema::Payload(items_of(inventory));
  }

 private:
  std::string root_;
  SourceReport report_{.event = schema::EventName::SBoM, .tier = "none", .reason = {}};
};

void write_component(Writer& out, const Package& package, const std::string& purl) {
  out.begin_object();
  out.field("type", "library");
  out.field("bom-ref", purl);
  if (!package.supplier.empty()) {
    out.key("supplier");
    out.begin_object();
    out.field("name", package.supplier);
    out.end_object();
  }
  out.field("name", package.name);
  out.field("version", package.version);
  if (!package.license.empty()) {
    // What databases hold is seldom an SPDX expression: a name claims nothing.
    out.key("licenses");
    out.begin_array();
    out.begin_object();
    out.key("license");
    out.begin_object();
    out.field("name", package.license);
    out.end_object();
    out.end_object();
    out.end_array();
  }
  out.field("purl", purl);
  out.key("properties");
  out.begin_array();
  const auto property = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    out.begin_object();
    out.field("name", fmt::format("vedette:{}", name));
    out.field("value", value);
    out.end_object();
  };
  property("package-manager", package.manager);
  property("source-package", package.source);
  property("source-version", package.source_version);
  property("status", package.status);
  out.end_array();
  out.end_object();
}

void write_metadata(Writer& out, const Inventory& inventory, std::string_view agent_version,
                    base::WallTime now) {
  out.key("metadata");
  out.begin_object();
  out.field("timestamp", base::format_rfc3339(now, 0));
  out.key("tools");
  out.begin_object();
  out.key("components");
  out.begin_array();
  out.begin_object();
  out.field("type", "application");
  out.field("name", "vedette-agent");
  out.field("version", agent_version);
  out.end_object();
  out.end_array();
  out.end_object();
  out.key("component");
  out.begin_object();
  out.field("type", "operating-system");
  out.field("bom-ref", "operating-system");
  out.field("name", inventory.os_id.empty() ? std::string("linux") : inventory.os_id);
  if (!inventory.os_version.empty()) out.field("version", inventory.os_version);
  if (!inventory.os_name.empty()) out.field("description", inventory.os_name);
  out.end_object();
  out.end_object();
}

}  // namespace

std::unique_ptr<Snapshot> make(const std::string& root) {
  return std::make_unique<SbomSnapshot>(root);
}

std::string cyclonedx(const Inventory& inventory, std::string_view agent_version,
                      const base::Guid& serial, base::WallTime now) {
  std::string text;
  Writer out(text);
  out.begin_object();
  out.field("$schema", "http://cyclonedx.org/schema/bom-1.5.schema.json");
  out.field("bomFormat", "CycloneDX");
  out.field("specVersion", "1.5");
  out.field("serialNumber", "urn:uuid:" + serial.to_string());
  out.field("version", 1);
  write_metadata(out, inventory, agent_version, now);
  out.key("components");
  out.begin_array();
  std::string last;
  for (const Package& package : inventory.packages) {
    const std::string purl = purl_of(package, inventory);
    // A reference names one component; packages that differ in nothing it tells are one.
    if (purl == last) continue;
    write_component(out, package, purl);
    last = purl;
  }
  out.end_array();
  // A list that lacks something says so.
  out.key("compositions");
  out.begin_array();
  out.begin_object();
  out.field("aggregate", inventory.unknown.empty() ? "complete" : "incomplete");
  out.key("assemblies");
  out.begin_array();
  out.value("operating-system");
  out.end_array();
  out.end_object();
  out.end_array();
  out.end_object();
  text += '\n';
  return text;
}

std::string table(const Inventory& inventory) {
  std::size_t name = 4;
  std::size_t version = 7;
  for (const Package& package : inventory.packages) {
    name = std::max(name, package.name.size());
    version = std::max(version, package.version.size());
  }
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<8}  {}\n", "NAME", name, "VERSION", version,
                                 "MANAGER", "SOURCE");
  for (const Package& package : inventory.packages) {
    text += fmt::format("{:<{}}  {:<{}}  {:<8}  {}\n", package.name, name, package.version, version,
                        package.manager, package.source);
  }
  return text;
}

std::string json(const Inventory& inventory) {
  schema::Event event;
  event.payload = schema::Payload(items_of(inventory));
  std::string text = "[";
  for (std::size_t i = 0; i < event.item_count(); ++i)
    text += (i == 0 ? "\n" : ",\n") + schema::event_details_json(event, i);
  return text + "\n]\n";
}

int command(const std::vector<std::string_view>& words) {
  std::string output = "cyclonedx";
  std::string root;
  const auto wrong = [](const std::string& problem) {
    std::fputs(fmt::format("vedette-agent: {}\n\n{}", problem, kUsage).c_str(), stderr);
    return 2;
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--help" || words[i] == "-h")
      return std::fputs(std::string(kUsage).c_str(), stdout) < 0 ? 1 : 0;
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = words[i].substr(equals + 1);
    if (!value && i + 1 < words.size()) value = words[++i];
    if (!value) return wrong(fmt::format("{} needs a value", name));
    if (name == "-o" || name == "--output") {
      output = *value;
    } else if (name == "--root") {
      root = *value;
    } else {
      return wrong(fmt::format("unknown flag {}", name));
    }
  }
  if (output != "cyclonedx" && output != "table" && output != "json")
    return wrong(fmt::format("-o {}: expected cyclonedx, table or json", output));
  const Inventory inventory = collect(root);
  const std::string text = output == "table"  ? table(inventory)
                           : output == "json" ? json(inventory)
                                              : cyclonedx(inventory, VEDETTE_VERSION,
                                                          base::Guid::random(), base::wall_now());
  if (std::fputs(text.c_str(), stdout) < 0) return 1;
  for (const std::string& unknown : inventory.unknown)
    std::fputs(fmt::format("vedette-agent: not known: {}\n", unknown).c_str(), stderr);
  return inventory.unknown.empty() ? 0 : 1;
}

}  // namespace agent::snapshot::packages
