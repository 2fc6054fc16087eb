#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "hub/identity/registry.h"
#include "hub/twins/twin.h"
#include "iotql/query.h"
#include "store/sqlite.h"

namespace hub::queries {

// What of an identity is known outside its rows. All are called only when a query asks for it.
struct Outside {
  std::function<identity::Activity(const identity::Name&)> activity;
  // {"id":{"status":"Applied"}}: the configurations that target the twin.
  std::function<base::json::Value(const identity::Name&)> configurations;
};

// An identity with its twin, as queries and Azure IoT Hub's SDKs see it:
// {"deviceId":..,"etag":..,"tags":{..},"properties":{"desired":{..},"reported":{..}}}.
//
// It reads a row of Fleet's statement, and parses a part of the twin when that part is asked for;
// it and what it gave live until the statement's next step. Threads: one.
class TwinDocument final : public iotql::Document {
 public:
  // The columns of a row, in this order.
  static constexpr std::string_view kColumns =
      "i.device_id, i.module_id, i.status, i.status_reason, i.status_updated, i.etag, "
      "i.primary_thumbprint, i.secondary_thumbprint, i.iot_edge, i.generation_id, t.etag, "
      "t.version, t.tags, t.desired, t.desired_metadata, t.desired_version, t.reported, "
      "t.reported_metadata, t.reported_version, i.authentication";

  TwinDocument(const store::Statement& row, const Outside& outside);

  const identity::Name& name() const { return name_; }
  const std::string& generation_id() const { return generation_id_; }
  // Of tags, desired or reported: its properties, without the notes that begin with '$'.
  const base::json::Value& section(twins::Part part) const;

  Found find(std::span<const iotql::Step> path) const override;
  void write(base::json::Writer& writer) const override;

 private:
  const base::json::Value* keep(base::json::Value value) const;
  const base::json::Value* of_identity(std::string_view name) const;
  const base::json::Value* of_twin(std::string_view name) const;
  Found properties(std::span<const iotql::Step> path) const;
  const base::json::Value& parsed(int column) const;
  std::string_view json(int column) const;
  std::int64_t version(int column) const;
  void write_section(base::json::Writer& writer, std::string_view name, int column) const;
  void write_thumbprints(base::json::Writer& writer) const;
  const identity::Activity& activity() const;
  std::string_view authentication_type() const;

  const store::Statement& row_;
  const Outside& outside_;
  identity::Name name_;
  std::string generation_id_;
  mutable std::optional<identity::Activity> activity_;
  mutable std::deque<base::json::Value> kept_;  // values of expressions point into it
  mutable std::deque<std::pair<int, base::json::Value>> parsed_;
};

}  // namespace hub::queries
