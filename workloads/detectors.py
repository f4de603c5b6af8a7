"""Rows of the zoo: networks that find objects."""

from __future__ import annotations

from cosim_workloads.row import Row

_DARKNET, _TFOD, _YOLOX = "pjreddie/darknet", "TF object detection API", "Megvii-BaseDetection/YOLOX"
DETECTORS: dict[str, Row] = {
    "yolov2_voc_448": (
        "darknet:yolov2",
        {"classes": 20, "image": 448},
        "YOLOv2 for the 20 classes of VOC, 448x448.",
        _DARKNET,
    ),
    "yolov2_tiny": ("darknet:yolov2_tiny", {}, "YOLOv2-tiny, 416x416.", _DARKNET),
    **{
        f"yolov2_tiny_person_{image}": (
            "darknet:yolov2_tiny",
            {"classes": 1, "image": image},
            f"YOLOv2-tiny for persons alone, {image}x{image}.",
            _DARKNET,
        )
        for image in (192, 224, 416)
    },
    "yolov3": ("darknet:yolov3", {}, "YOLOv3, 416x416.", _DARKNET),
    "yolov3_608": ("darknet:yolov3", {"rows": 608, "columns": 608}, "YOLOv3, 608x608.", _DARKNET),
    "yolov3_voc": ("darknet:yolov3", {"classes": 20}, "YOLOv3 for the 20 classes of VOC, 416x416.", _DARKNET),
    "yolov3_tiny": ("darknet:yolov3_tiny", {}, "YOLOv3-tiny, 416x416.", _DARKNET),
    "yolov4_tiny": ("darknet:yolov4_tiny", {}, "YOLOv4-tiny, 416x416.", _DARKNET),
    **{f"yolov5{s}": ("yolov5", {"size": s}, f"YOLOv5{s}, 640x640.", "ultralytics/yolov5") for s in "nsm"},
    "yolov7_tiny": ("yolov7:yolov7_tiny", {}, "YOLOv7-tiny as deployed, 640x640.", "WongKinYiu/yolov7"),
    "yolov7": ("yolov7", {}, "YOLOv7 as deployed, 640x640.", "WongKinYiu/yolov7"),
    **{f"yolov8{s}": ("yolov8", {"size": s}, f"YOLOv8{s}, 640x640.", "ultralytics") for s in "nsmlx"},
    **{
        f"yolox_{size}": ("yolox", {"size": size, "image": image}, f"YOLOX-{size}, {image}x{image}.", _YOLOX)
        for size, image in (("nano", 416), ("tiny", 416), ("s", 640), ("m", 640))
    },
    "ssd_mobilenet_v1": (
        "ssd",
        {"backbone": "mobilenet_v1", "head_kernel": 1},
        "SSD on MobileNet v1, 300x300.",
        _TFOD,
    ),
    "ssd_mobilenet_v2": (
        "ssd",
        {"backbone": "mobilenet_v2", "separable_levels": True},
        "SSD on MobileNet v2, 300x300.",
        _TFOD,
    ),
    "ssdlite_mobilenet_v2": (
        "ssd",
        {"backbone": "mobilenet_v2", "separable_levels": True, "separable_heads": True},
        "SSDLite on MobileNet v2, 300x300.",
        _TFOD,
    ),
    "ssd_resnet34": (
        "ssd_resnet:ssd_resnet34",
        {},
        "MLPerf Inference's large detector: SSD on ResNet-34, 1200x1200.",
        "mlcommons/inference",
    ),
    "retinanet_resnet50": (
        "ssd_resnet:retinanet_resnet50",
        {},
        "RetinaNet (SSD with a feature pyramid) on ResNet-50 v1, 640x640.",
        _TFOD,
    ),
    "ssd_inception_v2": ("ssd", {"backbone": "inception_v2"}, "SSD on Inception v2, 300x300.", _TFOD),
}
