"""The parts of Android, ONNX Runtime and LiteRT that the Kotlin sources call, to compile them against."""

STUBS = {
    "android/graphics/Bitmap.java": """package android.graphics;
public class Bitmap {
    public int getWidth() { return 0; }
    public int getHeight() { return 0; }
    public void getPixels(int[] to, int offset, int stride, int x, int y, int width, int height) {}
}""",
    "ai/onnxruntime/OnnxJavaType.java": "package ai.onnxruntime; public enum OnnxJavaType { FLOAT, UINT8, INT8 }",
    "ai/onnxruntime/OnnxValue.java": "package ai.onnxruntime; public interface OnnxValue extends AutoCloseable {}",
    "ai/onnxruntime/OnnxTensor.java": """package ai.onnxruntime;
public class OnnxTensor implements OnnxValue {
    public static OnnxTensor createTensor(OrtEnvironment in, java.nio.ByteBuffer data, long[] shape, OnnxJavaType type)
        throws Exception { return null; }
    public java.nio.FloatBuffer getFloatBuffer() { return null; }
    public void close() {}
}""",
    "ai/onnxruntime/OrtEnvironment.java": """package ai.onnxruntime;
public class OrtEnvironment {
    public static OrtEnvironment getEnvironment() { return null; }
    public OrtSession createSession(byte[] model, OrtSession.SessionOptions options) throws Exception { return null; }
    public OrtSession createSession(String path, OrtSession.SessionOptions options) throws Exception { return null; }
}""",
    "ai/onnxruntime/OrtSession.java": """package ai.onnxruntime;
import java.util.*;
public class OrtSession implements AutoCloseable {
    public Result run(Map<String, ? extends OnnxTensor> inputs) throws Exception { return null; }
    public Result run(Map<String, ? extends OnnxTensor> inputs, Set<String> outputs) throws Exception { return null; }
    public void close() {}
    public static class SessionOptions implements AutoCloseable {
        public void setIntraOpNumThreads(int threads) {}
        public void close() {}
    }
    public static class Result implements AutoCloseable {
        public OnnxValue get(int at) { return null; }
        public Optional<OnnxValue> get(String name) { return null; }
        public void close() {}
    }
}""",
    "org/tensorflow/lite/Interpreter.java": """package org.tensorflow.lite;
public class Interpreter implements AutoCloseable {
    public Interpreter(java.io.File model, Options options) {}
    public Interpreter(java.nio.ByteBuffer model, Options options) {}
    public void run(Object input, Object output) {}
    public void close() {}
    public static class Options {
        public Options setNumThreads(int threads) { return this; }
    }
}""",
}
