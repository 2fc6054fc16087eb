#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "detect/alerts.h"
#include "hub/api/api.h"

// How alerts, filters of them and changes to them are written in requests and answers.
namespace hub::api {

// The members of Alert, without the braces.
void write_alert(base::json::Writer& writer, const detect::Alert& alert);
// AlertDetail.
std::string alert_detail_json(const detect::Alert& alert);

// {"High":1,..} and {"new":1,..} as members of these names.
void write_severities(base::json::Writer& writer, std::string_view name,
                      const std::array<std::int64_t, 4>& counts);
void write_statuses(base::json::Writer& writer, std::string_view name,
                    const std::array<std::int64_t, 3>& counts);

// The names of a filter's members, as query parameters and in JSON; limit and cursor are apart.
std::vector<std::string_view> filter_parameters(std::initializer_list<std::string_view> more);
// A filter from the request's parameters.
std::expected<detect::AlertFilter, Response> read_alert_filter(const Call& call);
// From an object of the same names, and `ids`.
std::expected<detect::AlertFilter, Response> read_alert_filter(const Call& call,
                                                               const base::json::Value& object);
// A change, from the members status, verdict, assignee, severity and comment of an object.
std::expected<detect::AlertUpdate, Response> read_alert_update(const Call& call,
                                                               const base::json::Value& object);

// `name: expected .., found ".."`.
Response bad_member(const Call& call, std::string_view name, std::string_view expected,
                    std::string_view found);

}  // namespace hub::api
