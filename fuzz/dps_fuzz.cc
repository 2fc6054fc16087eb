// What devices and administrators send to the provisioning service.
#include "base/json.h"
#include "hub/provisioning/enrollment.h"
#include "hub/provisioning/registration.h"
#include "hub/provisioning/x509.h"
#include "wire/dps.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  if (const auto user = wire::parse_dps_username(text, "hub.example"))
    (void)wire::is_valid_registration_id(user->registration_id);
  (void)wire::parse_dps_topic(text);
  (void)hub::provisioning::check_registration_body(text, "dev-1");
  (void)hub::provisioning::read_certificate(text);
  const auto body = base::json::parse(text);
  if (!body || body->if_object() == nullptr) return 0;
  for (const auto kind : {hub::provisioning::Kind::Individual, hub::provisioning::Kind::Group}) {
    const auto read =
        hub::provisioning::read_enrollment(kind, "dev-1", *body, nullptr, "hub.example", {});
    if (!read) continue;
    // What was accepted can be shown, and what is shown is accepted as it is.
    std::string shown;
    base::json::Writer writer(shown);
    write_enrollment(writer, *read, hub::provisioning::Secrets::Show, "hub.example", nullptr);
    const auto again = base::json::parse(shown);
    ASSERT(again &&
           hub::provisioning::read_enrollment(kind, "dev-1", *again, nullptr, "hub.example", {}));
  }
  return 0;
}
