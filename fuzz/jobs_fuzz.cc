// What clients say of identities, jobs and containers: lines of imports, bodies, addresses.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "hub/jobs/bulk.h"
#include "hub/jobs/containers.h"
#include "hub/jobs/job.h"
#include "hub/jobs/transfer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text(base::ByteView(data, size));
  if (const auto target = hub::jobs::read_container_target(text)) {
    ASSERT(target->container.find('/') == std::string::npos);
    ASSERT(target->blob.empty() || hub::jobs::is_blob_name(target->blob));
  }
  const auto json = base::json::parse(text);
  if (!json) return 0;
  std::string out;
  base::json::Writer writer(out);
  if (const auto item = hub::jobs::read_bulk_item(*json, hub::jobs::ImportMode::Create))
    (void)hub::jobs::to_new_identity(item->description);
  if (const auto job = hub::jobs::read_job(*json, json->text_or("jobId", "j"), {}))
    hub::jobs::write_job(writer, *job);
  if (const auto transfer = hub::jobs::read_transfer(*json)) {
    std::string more;
    base::json::Writer another(more);
    hub::jobs::write_transfer(another, *transfer, "https://hub");
  }
  return 0;
}
