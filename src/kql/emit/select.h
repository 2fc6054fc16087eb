#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kql/emit/scalars.h"
#include "kql/plan/plan.h"

namespace kql::emit {

// A SELECT, and the order that its rows have in the language's eyes. SQL only promises an order
// where ORDER BY stands last, so the keys travel along as columns until something uses them.
struct Select {
  std::string sql;
  std::vector<plan::SortKey> order;
};

// " ORDER BY ..."; empty without keys.
std::string order_by(const std::vector<plan::SortKey>& keys);

// Operators that look at several rows of their input at once.
Select window(const plan::Window& form, const Select& input, const Scalars& scalars);
Select series_index(const plan::SeriesIndex& form, const Select& input, const Scalars& scalars);
Select make_series(const plan::MakeSeries& form, const Select& input, const Scalars& scalars);
Select top_within(const plan::TopWithin& form, const Select& input, const Scalars& scalars);
Select sequence(const plan::Sequence& form, const Select& input, const Scalars& scalars);

// Operators that make rows of several.
// `hidden`: further columns of either side, if any.
Select join(const plan::Join& form, const Select& left_side, const Select& right_side,
            std::string_view hidden, const Scalars& scalars);
Select expand(const plan::Expand& form, Select input, const Scalars& scalars);

}  // namespace kql::emit
