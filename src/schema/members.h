#pragma once

#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "schema/bindings.h"

// Walking over the members of a generated struct; for the sources of this folder.
namespace schema {

template <class T>
struct OptionalOf : std::false_type {
  using Plain = T;
};
template <class T>
struct OptionalOf<std::optional<T>> : std::true_type {
  using Plain = T;
};

// Calls visit(field, member) for every field of the item in order, with constant or mutable
// members.
template <class Item, class Visit>
void for_each_member(Item& item, Visit&& visit) {
  using Bound = Binding<std::remove_const_t<Item>>;
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    (visit(Bound::kFields[kIndex], item.*std::get<kIndex>(Bound::kMembers)), ...);
  }(std::make_index_sequence<Bound::kFields.size()>());
}

// Calls visit(field, member) for the field at `index` only.
template <class Item, class Visit>
void with_member(Item& item, std::size_t index, Visit&& visit) {
  using Bound = Binding<std::remove_const_t<Item>>;
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    static_cast<void>(
        ((kIndex == index &&
          (visit(Bound::kFields[kIndex], item.*std::get<kIndex>(Bound::kMembers)), true)) ||
         ...));
  }(std::make_index_sequence<Bound::kFields.size()>());
}

}  // namespace schema
