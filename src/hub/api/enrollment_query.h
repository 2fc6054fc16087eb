#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/api/api.h"

// The queries of Azure's provisioning service, in the language of twins (docs/reference/
// twin-queries.md) with another collection behind FROM.
namespace hub::api {

// What a query looks at, in the order of the ids.
struct QueryDocument {
  std::string id;
  std::string json;
};
struct QueryPage {
  std::vector<QueryDocument> documents;
  bool more = false;
};
using QuerySource =
    std::function<base::Result<QueryPage>(std::string_view after, std::size_t limit)>;

// One page of the answer to the query in the request's body. As at Azure a page may have fewer
// rows than it could, even none, while there are more: so that no request takes long.
Response answer_enrollment_query(const Call& call, std::string_view item_type,
                                 const QuerySource& source);

}  // namespace hub::api
