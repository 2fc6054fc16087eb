#pragma once

#include <string>

// For tests: docs/reference/kql.md. Its first part is made of the function table, its second of the
// examples of Kusto's documentation, which only some machines have.
namespace kql::testing {

struct ReferencePage {
  std::string language;
  std::string conformance;  // starts with its headline
};

ReferencePage read_reference_page();
void write_reference_page(const ReferencePage& page);

}  // namespace kql::testing
