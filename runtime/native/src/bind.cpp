// The Python module: licrt.h with arrays for pointers and exceptions for statuses, and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "licrt.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <typename T, size_t ndim>
using Input = nb::ndarray<const T, nb::ndim<ndim>, nb::c_contig, nb::device::cpu>;
template <size_t ndim>
using Output = nb::ndarray<nb::numpy, int32_t, nb::ndim<ndim>, nb::c_contig>;

[[noreturn]] void raise_error(const char* error, const std::string& message) {
  const nb::object type = nb::module_::import_("licrt.runtime.errors").attr(error);
  PyErr_SetString(type.ptr(), message.c_str());
  throw nb::python_error();
}

void check(licrt_status status, const std::string& reason = "") {
  if (status == LICRT_OK) return;
  std::string message = licrt_status_message(status);
  if (!reason.empty()) message += ": " + reason;
  switch (status) {
    case LICRT_CORRUPT:
      raise_error("FormatError", message);
    case LICRT_INVALID_TABLE:
    case LICRT_INVALID_NETWORK:
      raise_error("ModelError", message);
    case LICRT_UNSUPPORTED_CPU:
      raise_error("BackendError", message);
    case LICRT_OUT_OF_MEMORY:
      throw std::bad_alloc();
    default:
      throw nb::value_error(message.c_str());
  }
}

template <size_t ndim>
Output<ndim> own(std::unique_ptr<int32_t[]> data, const size_t (&shape)[ndim]) {
  int32_t* const values = data.release();
  const nb::capsule owner(values, [](void* pointer) noexcept { delete[] static_cast<int32_t*>(pointer); });
  return Output<ndim>(values, ndim, shape, owner);
}

class CdfTables {
 public:
  CdfTables(Input<int32_t, 2> cdf, Input<int32_t, 1> lengths, Input<int32_t, 1> offsets) {
    if (lengths.shape(0) != cdf.shape(0) || offsets.shape(0) != cdf.shape(0)) {
      throw nb::value_error("cdf, lengths and offsets differ in their number of tables");
    }
    licrt_tables* tables = nullptr;
    check(licrt_tables_create(cdf.data(), cdf.shape(0), cdf.shape(1), lengths.data(), offsets.data(), &tables));
    tables_.reset(tables);
  }
  const licrt_tables* get() const { return tables_.get(); }

 private:
  struct Destroy {
    void operator()(licrt_tables* tables) const { licrt_tables_destroy(tables); }
  };
  std::unique_ptr<licrt_tables, Destroy> tables_;
};

nb::bytes encode(Input<int32_t, 1> symbols, Input<int32_t, 1> indexes, const CdfTables& tables, unsigned lanes) {
  const size_t count = symbols.shape(0);
  if (indexes.shape(0) != count) throw nb::value_error("symbols and indexes differ in length");
  const size_t capacity = licrt_encode_bound(count, lanes);
  size_t size = 0;
  std::unique_ptr<uint8_t[]> data;
  licrt_status status;
  {
    const nb::gil_scoped_release unlocked;
    data.reset(new uint8_t[capacity]);
    status = licrt_encode(tables.get(), symbols.data(), indexes.data(), count, lanes, data.get(), capacity, &size);
  }
  check(status);
  return nb::bytes(data.get(), size);
}

Output<1> decode(Input<uint8_t, 1> data, Input<int32_t, 1> indexes, const CdfTables& tables, unsigned lanes) {
  const size_t count = indexes.shape(0);
  std::unique_ptr<int32_t[]> symbols(new int32_t[count]);
  licrt_status status;
  {
    const nb::gil_scoped_release unlocked;
    status = licrt_decode(tables.get(), indexes.data(), count, lanes, data.data(), data.shape(0), symbols.get());
  }
  check(status);
  return own<1>(std::move(symbols), {count});
}

std::vector<std::string> available_kernels() {
  std::vector<std::string> names;
  for (size_t index = 0; const char* name = licrt_kernels(index); ++index) names.emplace_back(name);
  return names;
}

class Network {
 public:
  Network(const nb::bytes& blob, const std::optional<std::string>& cpu) {
    licrt_network* network = nullptr;
    char reason[256];
    const licrt_status status = licrt_network_create(static_cast<const uint8_t*>(blob.data()), blob.size(),
                                                     cpu ? cpu->c_str() : nullptr, &network, reason, sizeof reason);
    check(status, reason);
    network_.reset(network);
    check(licrt_network_describe(network, &info_));
  }
  const licrt_network_info& info() const { return info_; }

  std::pair<size_t, size_t> output_size(size_t height, size_t width) const {
    std::pair<size_t, size_t> size;
    check(licrt_network_output_size(network_.get(), height, width, &size.first, &size.second));
    return size;
  }

  std::pair<Output<3>, Output<3>> run(Input<int32_t, 3> symbols, size_t crop_height, size_t crop_width,
                                      unsigned threads, uint32_t point) const {
    const size_t height = symbols.shape(1), width = symbols.shape(2);
    if (symbols.shape(0) != info_.input_channels) throw nb::value_error("symbols have the wrong number of channels");
    const auto [output_height, output_width] = output_size(height, width);
    if (point >= info_.rate_points) throw nb::value_error("the network has no such rate point");
    if (crop_height > output_height || crop_width > output_width) throw nb::value_error("the crop exceeds the output");
    const size_t plane = crop_height * crop_width;
    std::unique_ptr<int32_t[]> indexes(new int32_t[info_.index_channels * plane]);
    std::unique_ptr<int32_t[]> means(new int32_t[info_.mean_channels * plane]);
    licrt_status status;
    {
      const nb::gil_scoped_release unlocked;
      status = licrt_network_run(network_.get(), symbols.data(), height, width, crop_height, crop_width, threads, point,
                                 indexes.get(), means.get());
    }
    check(status);
    return {own<3>(std::move(indexes), {info_.index_channels, crop_height, crop_width}),
            own<3>(std::move(means), {info_.mean_channels, crop_height, crop_width})};
  }

 private:
  struct Destroy {
    void operator()(licrt_network* network) const { licrt_network_destroy(network); }
  };
  std::unique_ptr<licrt_network, Destroy> network_;
  licrt_network_info info_{};
};

class ContextModel {
 public:
  ContextModel(const nb::bytes& blob, const std::optional<std::string>& cpu) {
    licrt_context* context = nullptr;
    char reason[256];
    const licrt_status status = licrt_context_create(static_cast<const uint8_t*>(blob.data()), blob.size(),
                                                     cpu ? cpu->c_str() : nullptr, &context, reason, sizeof reason);
    check(status, reason);
    context_.reset(context);
    check(licrt_context_describe(context, &info_));
  }
  const licrt_context_info& info() const { return info_; }

  std::tuple<Output<1>, Output<1>, Output<3>> encode(Input<int32_t, 3> features, Input<float, 3> latent,
                                                     unsigned threads, uint32_t point) const {
    check_call(features, point);
    const size_t height = features.shape(1), width = features.shape(2);
    if (latent.shape(0) != info_.latent_channels || latent.shape(1) != height || latent.shape(2) != width) {
      throw nb::value_error("the latent has the wrong shape");
    }
    const size_t count = info_.latent_channels * height * width;
    std::unique_ptr<int32_t[]> symbols(new int32_t[count]), indexes(new int32_t[count]), y_hat(new int32_t[count]);
    licrt_status status;
    {
      const nb::gil_scoped_release unlocked;
      status = licrt_context_encode(context_.get(), features.data(), latent.data(), height, width, threads, point,
                                    symbols.get(), indexes.get(), y_hat.get());
    }
    check(status, status == LICRT_INVALID_ARGUMENT ? "the latent has to be finite, and threads at least 1" : "");
    return {own<1>(std::move(symbols), {count}), own<1>(std::move(indexes), {count}),
            own<3>(std::move(y_hat), {info_.latent_channels, height, width})};
  }

  Output<3> decode(Input<int32_t, 3> features, const CdfTables& tables, Input<uint8_t, 1> data, unsigned lanes,
                   unsigned threads, uint32_t point) const {
    check_call(features, point);
    const size_t height = features.shape(1), width = features.shape(2);
    std::unique_ptr<int32_t[]> y_hat(new int32_t[info_.latent_channels * height * width]);
    licrt_status status;
    {
      const nb::gil_scoped_release unlocked;
      status = licrt_context_decode(context_.get(), features.data(), tables.get(), data.data(), data.shape(0), lanes,
                                    height, width, threads, point, y_hat.get());
    }
    check(status);
    return own<3>(std::move(y_hat), {info_.latent_channels, height, width});
  }

  std::tuple<Output<1>, Output<1>, Output<3>> decode_symbols(Input<int32_t, 3> features, const CdfTables& tables,
                                                             Input<uint8_t, 1> data, unsigned lanes, unsigned threads,
                                                             uint32_t point) const {
    check_call(features, point);
    const size_t height = features.shape(1), width = features.shape(2);
    const size_t count = info_.latent_channels * height * width;
    std::unique_ptr<int32_t[]> symbols(new int32_t[count]), indexes(new int32_t[count]), y_hat(new int32_t[count]);
    licrt_status status;
    {
      const nb::gil_scoped_release unlocked;
      status =
          licrt_context_decode_symbols(context_.get(), features.data(), tables.get(), data.data(), data.shape(0), lanes,
                                       height, width, threads, point, symbols.get(), indexes.get(), y_hat.get());
    }
    check(status);
    return {own<1>(std::move(symbols), {count}), own<1>(std::move(indexes), {count}),
            own<3>(std::move(y_hat), {info_.latent_channels, height, width})};
  }

 private:
  struct Destroy {
    void operator()(licrt_context* context) const { licrt_context_destroy(context); }
  };

  void check_call(const Input<int32_t, 3>& features, uint32_t point) const {
    if (features.shape(0) != info_.feature_channels)
      throw nb::value_error("features have the wrong number of channels");
    if (point >= info_.rate_points) throw nb::value_error("the context model has no such rate point");
  }

  std::unique_ptr<licrt_context, Destroy> context_;
  licrt_context_info info_{};
};

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Entropy coder and integer networks; see licrt.runtime.coder and licrt.runtime.integer.";

  nb::class_<CdfTables>(m, "CdfTables",
                        "Frequency tables: int32 cdf[tables, longest], lengths[tables], offsets[tables].")
      .def(nb::init<Input<int32_t, 2>, Input<int32_t, 1>, Input<int32_t, 1>>(), "cdf"_a.noconvert(),
           "lengths"_a.noconvert(), "offsets"_a.noconvert());
  m.def("encode", &encode, "symbols"_a.noconvert(), "indexes"_a.noconvert(), "tables"_a, "lanes"_a,
        "Encode symbols[i] with table indexes[i].");
  m.def("decode", &decode, "data"_a.noconvert(), "indexes"_a.noconvert(), "tables"_a, "lanes"_a,
        "Decode one symbol per index.");

  m.def("available_kernels", &available_kernels, "Names of the kernels that this machine can run, slowest first.");
  nb::class_<Network>(m, "Network", "Integer network from a blob of licrt.runtime.integer.to_blob.")
      .def(nb::init<const nb::bytes&, const std::optional<std::string>&>(), "blob"_a, "cpu"_a = nb::none())
      .def_prop_ro("input_channels", [](const Network& self) { return self.info().input_channels; })
      .def_prop_ro("index_channels", [](const Network& self) { return self.info().index_channels; })
      .def_prop_ro("mean_channels", [](const Network& self) { return self.info().mean_channels; })
      .def_prop_ro("threshold_count", [](const Network& self) { return self.info().threshold_count; })
      .def_prop_ro("rate_points", [](const Network& self) { return self.info().rate_points; })
      .def_prop_ro("cpu", [](const Network& self) { return self.info().cpu; })
      .def("output_size", &Network::output_size, "height"_a, "width"_a, "Size of the output before cropping.")
      .def("run", &Network::run, "symbols"_a.noconvert(), "crop_height"_a, "crop_width"_a, "threads"_a, "point"_a = 0,
           "Indexes and means for symbols[input_channels, height, width], cropped at the right and bottom.");
  nb::class_<ContextModel>(m, "ContextModel", "Context model from a blob of licrt.runtime.context.to_blob.")
      .def(nb::init<const nb::bytes&, const std::optional<std::string>&>(), "blob"_a, "cpu"_a = nb::none())
      .def_prop_ro("latent_channels", [](const ContextModel& self) { return self.info().latent_channels; })
      .def_prop_ro("feature_channels", [](const ContextModel& self) { return self.info().feature_channels; })
      .def_prop_ro("table_count", [](const ContextModel& self) { return self.info().table_count; })
      .def_prop_ro("rate_points", [](const ContextModel& self) { return self.info().rate_points; })
      .def_prop_ro("cpu", [](const ContextModel& self) { return self.info().cpu; })
      .def("encode", &ContextModel::encode, "features"_a.noconvert(), "latent"_a.noconvert(), "threads"_a,
           "point"_a = 0, "Symbols and indexes in coding order, and y_hat, of latent[latent_channels, height, width].")
      .def("decode", &ContextModel::decode, "features"_a.noconvert(), "tables"_a, "data"_a.noconvert(), "lanes"_a,
           "threads"_a, "point"_a = 0, "The y_hat whose symbols are in `data`.")
      .def("decode_symbols", &ContextModel::decode_symbols, "features"_a.noconvert(), "tables"_a, "data"_a.noconvert(),
           "lanes"_a, "threads"_a, "point"_a = 0, "Symbols and indexes in coding order, and y_hat, of `data`.");
}
